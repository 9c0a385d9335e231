
"use strict";
(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const things = Array.from(document.querySelectorAll(".thing"), (box) => ({
    box,
    wheres: box.dataset.where.split(" "),
    head: (box.querySelector("h3").textContent + " " + box.querySelector(".what").textContent).toLowerCase(),
    changes: Array.from(box.querySelectorAll(":scope > ul > li"), (item) => ({
      item, count: Number(item.dataset.count), behavior: item.dataset.behavior, kind: item.dataset.kind, security: "security" in item.dataset, text: null,
    })),
  }));
  const total = things.reduce((sum, thing) => thing.changes.reduce((more, change) => more + change.count, sum), 0);
  const calm = document.querySelector(".calm");
  const wasOpen = calm?.open;
  const say = (number) => `${number} change${number === 1 ? "" : "s"}`;

  const holds = (thing, change, words) => {
    change.text ??= thing.head + " " + change.item.textContent.toLowerCase();
    return words.every((word) => change.text.includes(word));
  };

  const apply = () => {
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const thing of things) {
      const isHere = !form.where.value || thing.wheres.includes(form.where.value);
      let here = 0;
      for (const change of thing.changes) {
        const fits = isHere
          && (!form.behavior.value || form.behavior.value === change.behavior)
          && (!form.kind.value || form.kind.value === change.kind)
          && (!form.security.checked || change.security)
          && (!words.length || holds(thing, change, words));
        change.item.hidden = !fits;
        here += fits ? (form.where.value ? 1 : change.count) : 0;
      }
      thing.box.hidden = !here;
      count += here;
    }
    shown.textContent = count === total ? say(total) : `${count} of ${say(total)}`;
    if (calm) calm.open = count === total ? wasOpen : true;
  };

  // A link from the picture leads to its change, and one from there to the picture, whatever is folded or filtered.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches(".thing, .node")) return;
    if (target.hidden) { form.reset(); apply(); }
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    const link = target.matches(".node") ? target.querySelector("a") : target;
    target.scrollIntoView({ block: link === target ? "start" : "center" });
    link?.focus({ preventScroll: true });
  };

  let waiting = 0;
  for (const event of ["input", "change"]) {
    form.addEventListener(event, () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  }
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", follow);
  form.hidden = things.length < 4;  // which is seen at a glance
  apply();
  follow();
})();
