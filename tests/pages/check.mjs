// Opens every page of a folder in headless Chromium and holds it to what a page must be:
// no message on the console, no request but its own, every chart with its data and a table that
// agrees with suite.json, nothing for axe-core to find, everything reached with the keyboard,
// no sideways scrolling, small and quick to draw.
//
//   node check.mjs FOLDER [SCREENSHOTS]
import { mkdirSync, readFileSync, readdirSync, statSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [folder, shots] = process.argv.slice(2);
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const MOST_BYTES = 500_000;
const MOST_MILLIS = 1_000;

let failures = 0;
let passes = 0;
const hold = (page, what, holds, found = "") => {
  holds ? (passes += 1) : (failures += 1);
  if (!holds) console.log(`not so: ${page}: ${what} ${found}`);
};

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
});
try {
  const names = readdirSync(folder).filter((name) => name.endsWith(".html"));
  hold(folder, "has pages", names.length > 0);
  for (const name of names) await look(name);
} finally {
  await browser.close();
}
console.log(`${passes} passed, ${failures} failed`);
process.exit(failures > 0 ? 1 : 0);

async function look(name) {
  const file = resolve(folder, name);
  hold(name, "is under 500 kB", statSync(file).size < MOST_BYTES, `${statSync(file).size} bytes`);
  const page = await browser.newPage();
  // For axe-core and the questions below; the page itself has no script.
  await page.setBypassCSP(true);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  page.on("console", (message) => hold(name, "says nothing on the console", false, message.text()));
  page.on("pageerror", (error) => hold(name, "meets no error", false, String(error)));
  const url = pathToFileURL(file).href;
  let millis = Infinity;
  for (const [width, scheme] of [[1280, "light"], [390, "dark"], [2560, "light"], [390, "light"], [1280, "dark"]]) {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(url, { waitUntil: "load" });
    millis = Math.min(millis, await page.evaluate(drawn));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    hold(name, `doesn't scroll sideways at ${width}`, wide <= 0, `${wide} px`);
    await accessible(page, name, `${width} ${scheme}`);
    if (shots) {
      mkdirSync(shots, { recursive: true });
      const path = join(shots, `${name.replace(".html", "")}-${width}-${scheme}.png`);
      await page.screenshot({ path, fullPage: true });
    }
  }
  hold(name, "is drawn in under a second", millis < MOST_MILLIS, `${millis} ms`);
  hold(name, "asks for nothing", requests.every((asked) => asked === url), requests.join(" "));
  await charts(page, name);
  await keyboard(page, name);
  await page.close();
}

function drawn() {
  const [entry] = performance.getEntriesByType("navigation");
  return Math.round(entry.domComplete - entry.startTime);
}

async function accessible(page, name, how) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map((v) => `${v.id}: ${v.nodes[0]?.html?.slice(0, 160)} (${v.nodes.length})`);
  });
  hold(name, `axe finds nothing at ${how}`, found.length === 0, found.join("\n  "));
}

// Every chart has marks, its table has rows, and what the table of outcomes counts is what
// suite.json has.
async function charts(page, name) {
  const found = await page.evaluate(() =>
    [...document.querySelectorAll("figure.chart")].map((figure) => ({
      id: figure.id,
      marks: [...figure.querySelectorAll(".plot > svg path")].filter((path) =>
        /^(line|area|heat|dots|cross)/.test(path.getAttribute("class") ?? "") && path.getAttribute("d"),
      ).length,
      head: [...figure.querySelectorAll(".data thead th")].map((cell) => cell.textContent),
      rows: [...figure.querySelectorAll(".data tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)),
    })),
  );
  for (const chart of found) {
    hold(name, `${chart.id} draws something`, chart.marks > 0);
    hold(name, `${chart.id} has its table`, chart.rows.length > 0);
  }
  await readings(page, name);
  const kept = resolve(folder, name.replace(".html", ".suite.json"));
  if (!existsSync(kept)) return;
  for (const { plan, recording } of JSON.parse(readFileSync(kept, "utf8")).scenarios) {
    const { bins } = recording.timeline;
    if (bins.length < 2) continue;
    const chart = found.find(({ id }) => id === `${plan.scenario}-outcomes`);
    const columns = await page.evaluate(
      (id) => document.getElementById(id)?.closest(".time").querySelectorAll(".moments label").length,
      `${plan.scenario}-outcomes`,
    );
    hold(name, `${plan.scenario} has a column for every second`, columns === bins.length, `${columns} of ${bins.length}`);
    hold(name, `${plan.scenario} has its outcomes drawn`, chart !== undefined);
    for (const [i, outcome] of (chart?.head ?? []).entries()) {
      if (i === 0) continue;
      const counted = bins.reduce((sum, bin) => sum + bin.outcomes[outcome], 0);
      const told = chart.rows.reduce((sum, row) => sum + Number(row[i].replaceAll(",", "")), 0);
      hold(name, `${chart.id} counts every ${outcome}`, counted === told, `${told} of ${counted}`);
    }
  }
}

// A pointer over any chart of those over time shows what all of them have at that moment, a value under
// each name, above them.
async function readings(page, name) {
  const blocks = await page.$$(".time");
  for (const [at, block] of blocks.entries()) {
    const charts = await block.$$(".chart .plot > svg");
    for (const [i, chart] of charts.entries()) {
      await chart.evaluate((svg) => svg.scrollIntoView({ block: "end" }));
      const share = 0.2 + (0.6 * i) / charts.length;
      const box = await chart.boundingBox();
      // The plot stands between the axis's names and a margin.
      const [left, right] = [box.x + box.width * 0.103125, box.x + box.width * (1 - 0.015625)];
      await page.mouse.move(left + (right - left) * share, box.y + box.height / 2);
      const seen = await block.evaluate((time) => {
        const labels = [...time.querySelectorAll(".moments label")];
        const shown = labels.filter((label) => getComputedStyle(label.querySelector("i")).opacity === "1");
        const [names, values] = [time.querySelector(".names"), shown[0]?.querySelector("i")];
        const [above, line] = [names.getBoundingClientRect(), values?.getBoundingClientRect()];
        return {
          moments: labels.length,
          shown: shown.map((label) => labels.indexOf(label)),
          names: names.children.length,
          values: values?.textContent.split("\n").length,
          visible: above.top >= 0 && above.bottom <= innerHeight,
          beneath: line && Math.abs(line.left - above.left) < 2 && Math.abs(line.top - above.top) < 24 && Math.abs(line.height - above.height) < 4,
        };
      });
      const wanted = share * seen.moments;
      const near = seen.shown.length === 1 && Math.abs(seen.shown[0] + 0.5 - wanted) <= 1 + seen.moments / 400;
      hold(name, `block ${at}, chart ${i}: the moment under the pointer is shown`, near, `${seen.shown} for ${wanted}`);
      hold(name, `block ${at}, chart ${i}: a value under each name`, seen.names === seen.values, JSON.stringify(seen));
      hold(name, `block ${at}, chart ${i}: in sight, beneath their names`, seen.visible && seen.beneath, JSON.stringify(seen));
    }
  }
  await page.mouse.move(0, 0);
}

// The tab key comes to every link, summary, scrolled table and chart with readings, and the arrow
// keys show a chart's values.
async function keyboard(page, name) {
  await page.goto(pathToFileURL(resolve(folder, name)).href, { waitUntil: "load" });
  const wanted = await page.evaluate(() => {
    const seen = (element) => element.checkVisibility();
    const groups = new Set();
    const all = [...document.querySelectorAll("a[href], summary, [tabindex='0'], input")].filter(seen);
    return all.filter(({ name, type }) => type !== "radio" || (!groups.has(name) && groups.add(name))).length;
  });
  const reached = new Set();
  for (let i = 0; i < wanted + 2; i += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => {
      const element = document.activeElement;
      const all = [...document.querySelectorAll("a[href], summary, [tabindex='0'], input")];
      return element.name || all.indexOf(element);
    }));
  }
  reached.delete(-1);
  hold(name, "is reached with the keyboard", reached.size >= wanted, `${reached.size} of ${wanted}`);
  const shown = await page.evaluate(() => {
    const radio = document.querySelector(".moments input");
    radio?.focus();
    return radio !== null;
  });
  if (shown) {
    await page.keyboard.press("ArrowRight");
    const reading = await page.evaluate(() => {
      const [label] = document.querySelectorAll(".moments label:has(:checked)");
      return label && getComputedStyle(label.querySelector("i")).opacity === "1";
    });
    hold(name, "shows a chart's values by the arrow keys", reading);
  }
}
