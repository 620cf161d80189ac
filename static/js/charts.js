// Draw each [data-figure]: fetch the figure for the theme in force, load plotly once, draw again when the theme changes.
(function () {
  "use strict";
  var CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false };
  var loading = null;

  function dark() {
    var chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function library(url) {
    if (window.Plotly) return Promise.resolve(window.Plotly);
    loading = loading || new Promise(function (resolve, reject) {
      var script = document.createElement("script");
      script.src = url;
      script.onload = function () { resolve(window.Plotly); };
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  }

  function figure(element) {
    var url = new URL(element.dataset.figure, location.href);
    url.searchParams.set("theme", dark() ? "dark" : "light");
    return fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    });
  }

  function state(element, message) {
    if (!message) { element.removeAttribute("data-state"); return; }
    element.dataset.state = "waiting";
    element.dataset.message = message;
  }

  function draw(element) {
    if (!element.dataset.drawn) state(element, element.dataset.waiting);
    Promise.all([library(element.dataset.plotly), figure(element)]).then(function (parts) {
      state(element, "");
      element.dataset.drawn = "yes";
      return parts[0].react(element, parts[1].data, parts[1].layout, CONFIG);
    }).catch(function () { state(element, element.dataset.failed); });
  }

  function drawAll() { document.querySelectorAll("[data-figure]").forEach(draw); }

  drawAll();
  var themed = dark();
  document.addEventListener("tallybook:theme", function () {
    if (dark() !== themed) { themed = dark(); drawAll(); }
  });
})();
