// Draws comments as GitHub does, at the width of a pull request, takes their pictures and
// measures them: a pass is under 400 px, nothing is open but what fails, nothing runs.
//
//   node screens.mjs FOLDER       reads NAME.md, writes NAME.png
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { marked } from "marked";
import puppeteer from "puppeteer-core";

const css = readFileSync(createRequire(import.meta.url).resolve("github-markdown-css/github-markdown-light.css"), "utf8");
const [folder] = process.argv.slice(2);
let failures = 0;
const hold = (name, what, holds, found = "") => {
  if (!holds) (failures += 1), console.log(`not so: ${name}: ${what} ${found}`);
};
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
for (const file of readdirSync(folder).filter((name) => name.endsWith(".md")).sort()) {
  const name = file.replace(".md", "");
  const html = marked.parse(readFileSync(join(folder, file), "utf8"), { gfm: true });
  const path = resolve(folder, `${name}.html`);
  writeFileSync(path, `<meta charset=utf-8><style>${css} body{margin:0;background:#fff} .markdown-body{box-sizing:border-box;width:780px;padding:16px}</style><div class="markdown-body">${html}</div>`);
  const page = await browser.newPage();
  await page.setViewport({ width: 780, height: 600 });
  let ran = false;
  page.on("dialog", async (dialog) => ((ran = true), await dialog.dismiss()));
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(pathToFileURL(path).href);
  const body = await page.$(".markdown-body");
  const { height, wide, links, text } = await body.evaluate((element) => ({
    height: Math.round(element.getBoundingClientRect().height),
    wide: element.scrollWidth - element.clientWidth,
    links: [...element.querySelectorAll("a")].map((a) => a.href),
    text: element.innerText,
  }));
  console.log(`${name}: ${height} px, ${readFileSync(join(folder, file)).length} bytes`);
  await body.screenshot({ path: join(folder, `${name}.png`) });
  hold(name, "is no wider than the page", wide <= 0, `${wide} px`);
  hold(name, "runs nothing", !ran);
  hold(name, "asks for nothing", asked.length === 1, asked.slice(1).join(" "));
  hold(name, "links to GitHub alone", links.every((url) => url.startsWith("https://github.com/o/r/")), links.join(" "));
  hold(name, "has no character that nobody sees", !/[\u200b-\u200f\u2060-\u206f\ufeff]/.test(text));
  if (["pass", "baseline"].includes(name)) hold(name, "is under 400 px", height < 400, `${height} px`);
  await page.close();
}
await browser.close();
process.exit(failures > 0 ? 1 : 0);
