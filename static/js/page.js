// Small conveniences: copy buttons, filters that apply themselves, "/" to search, confirmation, dialogs.
(function () {
  "use strict";

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      button.setAttribute("data-copied", "");
      say(button.dataset.copiedText);
      setTimeout(function () { button.removeAttribute("data-copied"); }, 1600);
    });
  });

  function say(text) {
    var region = document.getElementById("announcer");
    if (region && text) region.textContent = text;
  }

  document.addEventListener("tallybook:say", function (event) { say(event.detail); });

  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-apply]");
    if (form && event.target.name === "range" && event.target.value === "custom") {
      form.querySelector(".range-dates").removeAttribute("data-quiet");
      form.querySelector(".range-dates input").focus();
      return;
    }
    if (form && event.target.matches("select, input[type=date], input[type=checkbox]")) form.requestSubmit();
  });

  // A box in the head of a column chooses every box of the form that it names.
  document.addEventListener("change", function (event) {
    var form = event.target.dataset.checkAll;
    if (!form) return;
    document.querySelectorAll("tbody input[type=checkbox][form=" + form + "]").forEach(function (box) { box.checked = event.target.checked; });
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    var question = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (question && !window.confirm(question)) { event.preventDefault(); return; }
    if (form.method === "get") {
      form.querySelectorAll("input, select").forEach(function (input) {
        if (input.name && input.value === "") input.disabled = true;
      });
      setTimeout(function () {
        form.querySelectorAll("[disabled]").forEach(function (input) { input.disabled = false; });
      });
    }
  });

  // A page that nobody looks at asks for nothing, and a part that renews itself waits while something in it stands open to be read.
  document.addEventListener("htmx:beforeRequest", function (event) {
    var part = event.target;
    var renews = (part.getAttribute("hx-trigger") || "").startsWith("every");
    if (document.hidden || (renews && part.querySelector("details[open]"))) event.preventDefault();
  });

  // A form that came back begins where it is wrong.
  var wrong = document.querySelector("main [aria-invalid=true], main fieldset:has(> .field-error) input");
  if (wrong) wrong.focus();

  // Control or Command and K: to the field that finds anything; on a phone it is in the closed menu, so its page opens.
  var find = document.querySelector("[data-find]");
  if (find && /Mac|iP(hone|ad)/.test(navigator.platform)) document.querySelector("[data-find-keys]").textContent = "⌘K";
  document.addEventListener("keydown", function (event) {
    if (!find || (event.key || "").toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    if (find.checkVisibility()) { find.focus(); find.select(); } else location.assign(find.form.action);
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    var search = document.querySelector("[data-search]") || find;
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  });
})();
