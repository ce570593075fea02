"use strict";
const again = document.getElementById("again");
const copy = document.getElementById("copy");
copy.hidden = false;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(again.textContent);
    copy.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(again);
    copy.textContent = "selected: now copy";
  }
});

// One line through all drawings, where the pointer is.
const plots = [...document.querySelectorAll(".plot")];
const cursors = plots.map((plot) => {
  const cursor = plot.appendChild(document.createElement("div"));
  cursor.className = "cursor";
  cursor.hidden = true;
  return cursor;
});
const show = (share) => {
  for (const cursor of cursors) {
    cursor.hidden = share === null;
    if (share === null) continue;
    cursor.style.left = `${share * 100}%`;
    const seconds = cursor.parentElement.dataset.seconds;
    if (seconds) cursor.dataset.at = `${(share * seconds).toFixed(2)} s`;
  }
};
for (const plot of plots) {
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    show(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1));
  });
  plot.addEventListener("pointerleave", () => show(null));
}

// What was in the middle stays there when the scale changes.
const scroll = document.querySelector(".scroll");
let middle = 0.5;
scroll?.addEventListener("scroll", () => {
  middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
});
for (const choice of document.querySelectorAll(".zoom input")) {
  choice.addEventListener("change", () => {
    const kept = middle;
    scroll.scrollLeft = kept * scroll.scrollWidth - scroll.clientWidth / 2;
    middle = kept;
  });
}
