"use strict";
// The list of causes: searched, filtered and turned in pages, so that ten thousand workloads are as quick as ten.
// Texts of the cluster reach the page through textContent alone.
(() => {
  const source = document.getElementById("data");
  if (!source) return;

  const PAGE = 10; // causes
  const HITS = 20; // workloads of a fix that are listed at once
  const OPEN = 6; // workloads of all causes that are listed without asking
  const NAMED = 5; // namespaces of a cause
  const PRINTED = 100; // causes
  const MODES = ["enforce", "warn", "audit"];

  const { fields, texts, causes, rows, findings } = JSON.parse(source.textContent);
  const total = Object.values(findings).reduce((sum, number) => sum + number, 0);
  const hits = rows.map(([nth, pods, ...numbers]) => {
    const hit = { nth, pods };
    fields.forEach((field, place) => { hit[field] = texts[numbers[place]]; });
    [hit.rule, hit.subject] = [texts[causes[nth][0]], texts[causes[nth][1]]];
    return hit;
  });
  const words = hits.map((hit) => [hit.rule, hit.subject, ...fields.map((field) => hit[field])].join("\n").toLowerCase());

  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const selects = [...form.querySelectorAll("select")];
  const count = document.getElementById("count");
  const list = document.getElementById("list");
  const pages = document.getElementById("pages");
  const label = document.getElementById("page");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");

  let matching = []; // causes, each with those of its workloads that match
  let page = 0;

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const gathered = (ones, key) => {
    const found = new Map();
    for (const one of ones) {
      if (!found.has(one[key])) found.set(one[key], []);
      found.get(one[key]).push(one);
    }
    return [...found.values()];
  };
  const breakable = (text) => text.split(/(?<=[/:@])(?!$)/).flatMap((part, nth) => (nth ? [element("wbr", ""), part] : [part]));
  const home = (hit) => (hit.cluster ? `${hit.cluster}/${hit.namespace}` : hit.namespace);
  const badge = (mode) => element("span", `badge ${mode}`, mode);

  const workload = (mode) => (hit) => {
    const example = hit.example && hit.example !== hit.name ? `, such as ${hit.example}` : "";
    const notes = [hit.pods ? `${plural(hit.pods, "pod")}${example}` : "makes pods", hit.where];
    if (hit.note) notes.push(hit.note);
    const made = element("li", "", element("span", "soft", `${hit.component} ${hit.kind}`), " ",
      element("b", "", `${home(hit)}/${hit.name}`), " ");
    if (hit.mode !== mode) made.append(badge(hit.mode), " ");
    made.append(element("span", "soft", notes.join("; ")));
    return made;
  };

  const workloads = (ones, mode, all) => {
    const shown = element("ul", "hits", ...ones.slice(0, all ? ones.length : HITS).map(workload(mode)));
    if (all || ones.length <= HITS) return [shown];
    const button = element("button", "all", `Show all ${ones.length}`);
    button.type = "button";
    button.addEventListener("click", () => {
      shown.append(...ones.slice(HITS).map(workload(mode)));
      const first = shown.children[HITS];
      first.tabIndex = -1;
      first.focus({ preventScroll: true });
      button.remove();
    });
    return [shown, button];
  };

  const way = (ones, mode, open, all) => {
    const made = element("div", "way", element("p", "fix", element("b", "", "Fix:"), ` ${ones[0].fix}`));
    if (ones.length === 1) {
      made.append(...workloads(ones, mode, all));
      return made;
    }
    const details = element("details", "", element("summary", "", plural(ones.length, "workload")));
    details.open = open;
    details.append(...workloads(ones, mode, all));
    made.append(details);
    return made;
  };

  const card = ({ ones, named }, open, all) => {
    const mode = MODES.find((one) => ones.some((hit) => hit.mode === one));
    const made = element("li", `cause ${mode}`, element("h3", "", badge(mode), " ",
      element("span", "rule", ones[0].rule), " ", element(named ? "code" : "span", "", ...breakable(ones[0].subject))));
    if (named) {
      const reasons = gathered(ones, "text").sort((one, other) => other.length - one.length);
      const why = element("p", "", reasons[0][0].text);
      if (reasons.length > 1) why.append(element("span", "soft", ` (and ${plural(reasons.length - 1, "more reason")})`));
      made.append(why);
    }
    const namespaces = [...new Set(ones.map(home))].sort();
    const pods = ones.reduce((sum, hit) => sum + hit.pods, 0);
    const rest = namespaces.length > NAMED ? ` and ${plural(namespaces.length - NAMED, "more namespace")}` : "";
    if (ones.length > 1) made.append(element("p", "soft", `${plural(ones.length, "workload")}${pods ? `, ${plural(pods, "pod")}` : ""} in `,
      `${namespaces.slice(0, NAMED).join(", ")}${rest}`));
    made.append(...gathered(ones, "fix").map((those) => way(those, mode, open, all)));
    return made;
  };

  const show = (first, number, open, all) => {
    list.start = first + 1;
    list.replaceChildren(...matching.slice(first, first + number).map((cause) => card(cause, open, all)));
  };

  const turn = (to) => {
    const last = Math.max(Math.ceil(matching.length / PAGE) - 1, 0);
    page = Math.min(Math.max(to, 0), last);
    const here = matching.slice(page * PAGE, (page + 1) * PAGE);
    show(page * PAGE, PAGE, here.reduce((sum, { ones }) => sum + ones.length, 0) <= OPEN, false);
    pages.hidden = last === 0;
    label.textContent = `page ${page + 1} of ${last + 1}`;
    previous.disabled = page === 0;
    next.disabled = page === last;
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = selects.filter((select) => select.value).map((select) => [select.dataset.field, select.value]);
    const kept = hits.filter((hit, nth) =>
      chosen.every(([field, value]) => hit[field] === value) && wanted.every((word) => words[nth].includes(word)));
    matching = gathered(kept, "nth").map((ones) => ({ ones, named: Boolean(causes[ones[0].nth][2]) }));
    count.textContent = kept.length === hits.length
      ? `${plural(total, "finding")} with ${plural(causes.length, "cause")}`
      : `${matching.length} of ${plural(causes.length, "cause")}, in ${plural(kept.length, "workload")}`;
    turn(0);
  };

  const jump = () => {
    const heading = document.getElementById("causes");
    heading.focus({ preventScroll: true });
    heading.scrollIntoView();
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  document.getElementById("all").addEventListener("click", () => { form.reset(); filter(); });
  previous.addEventListener("click", () => { turn(page - 1); jump(); });
  next.addEventListener("click", () => { turn(page + 1); jump(); });

  for (const link of document.querySelectorAll("a[data-rule]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      search.value = link.dataset.search || "";
      for (const select of selects) select.value = link.dataset[select.dataset.field] || "";
      filter();
      jump();
    });
  }

  // Paper has neither pages to turn nor things to open.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")].filter((one) => !list.contains(one));
    for (const one of opened) one.open = true;
    show(0, PRINTED, true, true);
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    turn(page);
  });

  form.hidden = false;
  filter();
})();
