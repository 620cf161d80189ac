// Apply the stored choice of theme before the page is painted, and keep the switch in step. Loaded in the head, not deferred.
(function () {
  "use strict";
  var KEY = "tallybook-theme";
  var root = document.documentElement;

  function stored() {
    try { return localStorage.getItem(KEY) || "system"; } catch (error) { return "system"; }
  }

  function apply(choice) {
    if (choice === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", choice);
  }

  function announce() {
    var choice = stored();
    document.querySelectorAll("[data-theme-choice]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    });
    document.dispatchEvent(new CustomEvent("tallybook:theme"));
  }

  function choose(choice) {
    try { localStorage.setItem(KEY, choice); } catch (error) { /* private windows keep no choice */ }
    apply(choice);
    announce();
  }

  root.classList.add("js");
  apply(stored());
  document.addEventListener("DOMContentLoaded", announce);
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-theme-choice]");
    if (button) choose(button.dataset.themeChoice);
  });
  window.addEventListener("storage", function (event) {
    if (event.key === KEY) { apply(stored()); announce(); }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
})();
