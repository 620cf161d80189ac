// Write each <time data-time> in the reader's zone. Without this script the page shows UTC and says so.
(function () {
  "use strict";
  // Day before month, as the server writes it.
  var language = document.documentElement.lang;
  var locale = language === "en" ? "en-GB" : language || undefined;
  var day = { day: "numeric", month: "short", year: "numeric" };
  var FORMATS = {
    minute: new Intl.DateTimeFormat(locale, Object.assign({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }, day)),
    second: new Intl.DateTimeFormat(locale, Object.assign({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }, day)),
    full: new Intl.DateTimeFormat(locale, Object.assign(
      { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23", timeZoneName: "short" }, day)),
  };
  var relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  var STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  function ago(instant) {
    var seconds = (instant.getTime() - Date.now()) / 1000;
    if (Math.abs(seconds) > 7 * 86400) return text(FORMATS.minute, instant);
    var step = STEPS.find(function (each) { return Math.abs(seconds) >= each[1]; }) || ["second", 1];
    return relative.format(Math.trunc(seconds / step[1]), step[0]);
  }

  // Browsers write "Sept" where the server, and every other month, has three letters.
  function text(format, instant) { return format.format(instant).replace(/\bSept\b/, "Sep"); }

  function write(scope) {
    scope.querySelectorAll("time[data-time]").forEach(function (element) {
      var instant = new Date(element.dateTime);
      if (isNaN(instant)) return;
      if (!element.title) element.title = element.dateTime.replace("T", " ").replace(/(\+00:00|Z)$/, " UTC");
      element.textContent = element.dataset.time === "ago" ? ago(instant) : text(FORMATS[element.dataset.time], instant);
    });
  }

  function zone() {
    document.querySelectorAll("[data-zone]").forEach(function (element) {
      element.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
    });
  }

  write(document);
  zone();
  document.addEventListener("htmx:afterSwap", function () { write(document); });
  setInterval(function () { write(document); }, 60000);
})();
