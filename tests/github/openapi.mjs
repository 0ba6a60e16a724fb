// Holds what the tests' stand-in for GitHub was asked and answered to GitHub's own description
// of its API: every request complete and right, every answer made of fields that GitHub has.
//
//   GITHUB_TRANSCRIPT=FOLDER cargo test --test github; node openapi.mjs FOLDER
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const described = createRequire(import.meta.url).resolve("@octokit/openapi/generated/api.github.com.json");
const api = JSON.parse(readFileSync(described, "utf8"));
const [folder] = process.argv.slice(2);
let failures = 0;
let passes = 0;

const follow = (schema) => {
  while (schema?.$ref) {
    schema = schema.$ref.slice(2).split("/").reduce((node, key) => node[key], api);
  }
  return schema;
};

const kind = (value) =>
  value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;

// What of `value` isn't as `schema` has it; `complete`: what is required has to be there.
function wrong(schema, value, complete, at) {
  schema = follow(schema);
  if (!schema) return [];
  if (value === null && (schema.nullable || complete === false)) return [];
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) {
    const each = choices.map((choice) => wrong(choice, value, complete, at));
    return each.some((found) => found.length === 0) ? [] : each.sort((a, b) => a.length - b.length)[0];
  }
  if (schema.allOf) return wrong(merged(schema.allOf), value, complete, at);
  const found = [];
  const is = kind(value);
  const wanted = schema.type;
  if (wanted && is !== wanted && !(wanted === "number" && is === "integer")) {
    return [`${at} is a ${is}, ${wanted} is wanted`];
  }
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at} is ${value}, not one of ${schema.enum}`);
  if (is === "object") {
    const known = schema.properties ?? {};
    const open = Object.keys(known).length === 0 || schema.additionalProperties;
    for (const [name, inner] of Object.entries(value)) {
      if (known[name]) found.push(...wrong(known[name], inner, complete, `${at}.${name}`));
      else if (!open) found.push(`${at}.${name} is no field of GitHub's`);
    }
    for (const name of complete ? (schema.required ?? []) : []) {
      if (!(name in value)) found.push(`${at}.${name} is required`);
    }
  }
  if (is === "array") {
    if (schema.maxItems && value.length > schema.maxItems) found.push(`${at} has ${value.length} entries`);
    value.forEach((entry, i) => found.push(...wrong(schema.items, entry, complete, `${at}[${i}]`)));
  }
  return found;
}

const merged = (schemas) => {
  const whole = { type: "object", properties: {}, required: [] };
  for (const schema of schemas.map(follow)) {
    Object.assign(whole.properties, schema.properties);
    whole.required.push(...(schema.required ?? []));
  }
  return whole;
};

// The operation at `path`, the one with fewer parameters first.
function operation(method, path) {
  const parts = path.split("/");
  const fits = Object.keys(api.paths).filter((template) => {
    const named = template.split("/");
    return named.length === parts.length && named.every((name, i) => name.startsWith("{") || name === parts[i]);
  });
  fits.sort((a, b) => a.split("{").length - b.split("{").length);
  return fits.map((template) => api.paths[template][method.toLowerCase()]).find(Boolean);
}

function look({ method, path, query, sent, status, answer }) {
  // GraphQL has a description of its own; one question is asked of it.
  if (path.endsWith("/graphql")) return [];
  const asked = operation(method, path);
  if (!asked) return ["GitHub has no such operation"];
  const found = [];
  const parameters = (asked.parameters ?? []).map(follow);
  for (const [name, value] of Object.entries(query)) {
    const parameter = parameters.find((known) => known.in === "query" && known.name === name);
    if (!parameter) found.push(`${name} is no parameter`);
    else {
      const { type } = follow(parameter.schema);
      const read = type === "integer" ? Number(value) : type === "boolean" ? value === "true" : value;
      found.push(...wrong(parameter.schema, read, true, `?${name}`));
    }
  }
  const body = asked.requestBody?.content?.["application/json"]?.schema;
  if (body) found.push(...wrong(body, sent, true, "body"));
  else if (sent !== null) found.push("a body is sent where none is taken");
  const told = follow(asked.responses[status] ?? asked.responses.default);
  // Any operation may be refused, whether its page says so or not.
  if (!told && status < 400) found.push(`${status} is no answer to it`);
  const schema = told?.content?.["application/json"]?.schema;
  if (schema && status < 400) found.push(...wrong(schema, answer, false, "answer"));
  return found;
}

for (const name of readdirSync(folder).filter((name) => name.endsWith(".jsonl"))) {
  for (const line of readFileSync(join(folder, name), "utf8").trim().split("\n")) {
    const exchange = JSON.parse(line);
    const found = look(exchange);
    found.length === 0 ? (passes += 1) : (failures += 1);
    if (found.length > 0) console.log(`${exchange.method} ${exchange.path}: ${[...new Set(found)].slice(0, 5).join("; ")}`);
  }
}
console.log(`${passes} passed, ${failures} failed`);
process.exit(failures > 0 || passes === 0 ? 1 : 0);
