// The filter editor of meters: when a key is chosen, offer its samples, its usual type and the comparisons that this type knows.
// Values stay text from the control to the server: no number passes through here.
(function () {
  "use strict";

  function known(key) {
    var hints = document.getElementById("key-hints");
    return hints && Array.prototype.find.call(hints.children, function (entry) { return entry.dataset.key === key; });
  }

  function part(name, end) { return document.getElementById(name + "-" + end); }

  function write(hint, key, kind, never) {
    if (!hint) return;
    var hints = document.getElementById("key-hints").dataset;
    var entry = known(key);
    var words = entry ? entry.querySelector("span").textContent.trim() : key ? hints.unknown : "";
    var warns = entry && kind && entry.dataset.kinds.split(" ").indexOf(kind) < 0;
    hint.textContent = warns ? words + ". " + never : words;
    hint.classList.toggle("hint-warns", Boolean(warns || (key && !entry && hints.unknown)));
  }

  function fitOperators(select, kind) {
    Array.prototype.forEach.call(select.options, function (option) {
      option.disabled = option.hidden = option.dataset.kinds.split(" ").indexOf(kind) < 0;
    });
    if (select.selectedOptions[0] && select.selectedOptions[0].disabled) select.value = "equals";
  }

  function fit(name) {
    var kind = part(name, "kind");
    var value = part(name, "value");
    var entry = known(part(name, "key").value);
    fitOperators(part(name, "operator"), kind.value);
    var list = kind.value === "boolean" ? "booleans" : entry ? entry.dataset.samples : "";
    if (list) value.setAttribute("list", list); else value.removeAttribute("list");
    value.inputMode = kind.value === "number" ? "decimal" : "text";
    var hint = document.querySelector('[data-hint-of="' + name + '-key"]');
    write(hint, part(name, "key").value, kind.value, document.getElementById("key-hints").dataset.never);
  }

  function fitProperty(input) {
    var hint = document.querySelector('[data-hint-of="over_property"]');
    write(hint, input.value, hint.dataset.needs, document.getElementById("key-hints").dataset.text);
  }

  function fitAll() {
    document.querySelectorAll("[data-kind-of]").forEach(function (select) { fit(select.dataset.kindOf); });
    var property = document.querySelector('[data-key-of="aggregation"]');
    if (property) fitProperty(property);
  }

  document.addEventListener("input", function (event) {
    var name = event.target.dataset.keyOf;
    if (name === "aggregation") { fitProperty(event.target); return; }
    if (name) {
      var entry = known(event.target.value);
      // The type follows the key until a person has chosen one, or has typed a value.
      if (entry && !part(name, "kind").dataset.chosen && !part(name, "value").value) part(name, "kind").value = entry.dataset.usual;
      fit(name);
    }
    if (event.target.dataset.kindOf) { event.target.dataset.chosen = "yes"; fit(event.target.dataset.kindOf); }
  });

  document.addEventListener("htmx:afterSettle", fitAll);
  fitAll();
})();
