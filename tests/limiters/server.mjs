// One server with one limiter of npm's: node server.mjs NAME PORT. 20 requests in 10 s.
import express from "express";
import { rateLimit } from "express-rate-limit";
import Fastify from "fastify";
import fastifyLimit from "@fastify/rate-limit";
import { BurstyRateLimiter, RateLimiterMemory } from "rate-limiter-flexible";

const [name, port] = [process.argv[2], Number(process.argv[3])];
const host = "127.0.0.1";

async function withExpress(limiter) {
  const app = express();
  app.use(limiter);
  app.get("/", (_, response) => response.json({ ok: true }));
  app.listen(port, host);
}

function flexible(limiter) {
  return (request, response, next) =>
    limiter
      .consume(request.ip)
      .then(() => next())
      .catch(() => response.status(429).json({ error: "Too Many Requests" }));
}

async function withFastify(options) {
  const app = Fastify();
  await app.register(fastifyLimit, { max: 20, timeWindow: 10_000, ...options });
  app.get("/", async () => ({ ok: true }));
  await app.listen({ port, host });
}

const servers = {
  "express-rate-limit": () => withExpress(rateLimit({ windowMs: 10_000, limit: 20 })),
  "fastify-rate-limit": () => withFastify({}),
  "fastify-rate-limit-prolonged": () => withFastify({ continueExceeding: true }),
  "rate-limiter-flexible": () =>
    withExpress(flexible(new RateLimiterMemory({ points: 20, duration: 10 }))),
  "rate-limiter-flexible-bursty": () =>
    withExpress(
      flexible(
        new BurstyRateLimiter(
          new RateLimiterMemory({ points: 2, duration: 1 }),
          new RateLimiterMemory({ keyPrefix: "burst", points: 20, duration: 10 }),
        ),
      ),
    ),
};
await servers[name]();
