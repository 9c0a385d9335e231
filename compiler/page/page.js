
"use strict";
(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const things = Array.from(document.querySelectorAll(".thing"), (box) => ({
    box,
    where: box.dataset.where,
    head: (box.querySelector("h3").textContent + " " + box.querySelector(".what").textContent).toLowerCase(),
    changes: Array.from(box.querySelectorAll(":scope > ul > li"), (item) => ({
      item, behavior: item.dataset.behavior, kind: item.dataset.kind, security: "security" in item.dataset, text: null,
    })),
  }));
  const total = things.reduce((sum, thing) => sum + thing.changes.length, 0);

  const holds = (thing, change, words) => {
    change.text ??= thing.head + " " + change.item.textContent.toLowerCase();
    return words.every((word) => change.text.includes(word));
  };

  const apply = () => {
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const thing of things) {
      const isHere = !form.where.value || form.where.value === thing.where;
      let here = 0;
      for (const change of thing.changes) {
        const fits = isHere
          && (!form.behavior.value || form.behavior.value === change.behavior)
          && (!form.kind.value || form.kind.value === change.kind)
          && (!form.security.checked || change.security)
          && (!words.length || holds(thing, change, words));
        change.item.hidden = !fits;
        here += fits;
      }
      thing.box.hidden = !here;
      count += here;
    }
    shown.textContent = count === total ? `${total} changes` : `${count} of ${total} changes`;
  };

  // A link from the picture leads to its change, whatever the filters say.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.classList.contains("thing")) return;
    if (target.hidden) { form.reset(); apply(); }
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  };

  let waiting = 0;
  for (const event of ["input", "change"]) {
    form.addEventListener(event, () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
  }
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  follow();
})();
