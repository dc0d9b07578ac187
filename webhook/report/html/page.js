"use strict";
// The list of findings: searched, filtered and turned in pages, so that ten thousand are as quick as ten.
// Texts of the cluster reach the page through textContent alone.
(() => {
  const source = document.getElementById("data");
  if (!source) return;

  const PAGE = 50;
  const PRINTED = 1000;
  const { fields, texts, rows } = JSON.parse(source.textContent);
  const findings = rows.map(([pods, ...numbers]) => {
    const finding = { pods };
    fields.forEach((field, nth) => { finding[field] = texts[numbers[nth]]; });
    return finding;
  });
  const words = findings.map((finding) => fields.map((field) => finding[field]).join("\n").toLowerCase());

  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const selects = [...form.querySelectorAll("select")];
  const count = document.getElementById("count");
  const list = document.getElementById("list");
  const pages = document.getElementById("pages");
  const label = document.getElementById("page");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");

  let matching = findings;
  let page = 0;

  const element = (name, className, ...children) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const pods = (number) => `${number} ${number === 1 ? "pod" : "pods"}`;

  const item = (finding) => {
    const whose = element("span", "", `${finding.component} `, element("span", "soft", finding.kind),
      ` ${finding.namespace}/${finding.name}`);
    const examples = finding.pods ? `${pods(finding.pods)}, such as ${finding.example}; ` : "";
    return element("li", "",
      element("h3", "", element("span", `badge ${finding.mode}`, finding.mode), " ",
        element("span", "rule", finding.rule), " ", whose),
      element("p", "", finding.text),
      element("p", "fix", element("b", "", "Fix:"), ` ${finding.fix}`),
      element("p", "soft", examples, element("code", "", finding.place)));
  };

  const show = (first, number) => {
    list.start = first + 1;
    list.replaceChildren(...matching.slice(first, first + number).map(item));
  };

  const turn = (to) => {
    const last = Math.max(Math.ceil(matching.length / PAGE) - 1, 0);
    page = Math.min(Math.max(to, 0), last);
    show(page * PAGE, PAGE);
    pages.hidden = last === 0;
    label.textContent = `page ${page + 1} of ${last + 1}`;
    previous.disabled = page === 0;
    next.disabled = page === last;
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = selects.filter((select) => select.value).map((select) => [select.dataset.field, select.value]);
    matching = findings.filter((finding, nth) =>
      chosen.every(([field, value]) => finding[field] === value) && wanted.every((word) => words[nth].includes(word)));
    count.textContent = matching.length === findings.length
      ? `${findings.length} ${findings.length === 1 ? "finding" : "findings"}`
      : `${matching.length} of ${findings.length} findings`;
    turn(0);
  };

  const jump = () => {
    const heading = document.getElementById("findings");
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
      search.value = "";
      for (const select of selects) select.value = link.dataset[select.dataset.field] || "";
      filter();
      jump();
    });
  }

  // Paper has neither pages to turn nor things to open.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
    show(0, PRINTED);
  });
  window.addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
    turn(page);
  });

  form.hidden = false;
  filter();
})();
