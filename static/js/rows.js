// Forms with rows: add one and take one out without asking the server, and write tiers in columns instead of lines of text.
// What is typed stays text. Without this script the server offers empty rows, a box to delete each, and a text field for tiers.
(function () {
  "use strict";

  function say(text) { document.dispatchEvent(new CustomEvent("tallybook:say", { detail: text })); }

  function make(tag, attributes, text) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    if (text) element.textContent = text;
    return element;
  }

  function firstField(scope) { return scope.querySelector("select, textarea:not([hidden]), input:not([type=hidden])"); }

  // Rows of a formset. A row that is taken out stays, closed and marked as deleted, until the form is saved.
  function rowsOf(list) {
    var total = document.getElementById("id_" + list.dataset.rows + "-TOTAL_FORMS");
    var most = Number(document.getElementById("id_" + list.dataset.rows + "-MAX_NUM_FORMS").value);
    var template = list.querySelector("template");
    var add = list.querySelector("[data-add]");

    // The empty rows that the server offers at the end are for those without this script.
    var blank;
    while ((blank = template.previousElementSibling) && "blank" in blank.dataset) {
      blank.remove();
      total.value = String(Number(total.value) - 1);
    }

    function bound() { add.disabled = Number(total.value) >= most; }

    add.addEventListener("click", function () {
      var number = Number(total.value);
      var html = template.innerHTML.replace(/__prefix__/g, String(number)).replace(/__number__/g, String(number + 1));
      template.insertAdjacentHTML("beforebegin", html);
      total.value = String(number + 1);
      var row = template.previousElementSibling;
      prepare(row);
      bound();
      firstField(row).focus();
      say(row.querySelector("h2").textContent + ": " + add.dataset.add);
    });
    list.addEventListener("click", function (event) {
      var button = event.target.closest("[data-take-out]");
      if (!button) return;
      var row = button.closest("[data-row]");
      var box = row.querySelector("input[name$='-DELETE']");
      box.checked = !box.checked;
      show(row, box.checked);
      say(row.querySelector("h2").textContent + ": " + (box.checked ? button.dataset.takenOut : button.dataset.keptAfterAll));
    });
    list.querySelectorAll("[data-row]").forEach(prepare);
    bound();
  }

  function show(row, gone) {
    var button = row.querySelector("[data-take-out]");
    row.querySelector(".card-body").hidden = gone;
    row.querySelector("[data-gone]").hidden = !gone;
    button.textContent = gone ? button.dataset.keep : button.dataset.takeOut;
  }

  function prepare(row) {
    row.querySelectorAll("textarea[data-tier]").forEach(tiersOf);
    var model = row.querySelector("select[name$='-price_model']");
    if (model) {
      model.addEventListener("change", function () { fit(row, model.value); });
      fit(row, model.value);
    }
    show(row, row.querySelector("input[name$='-DELETE']").checked);
  }

  // A field that the price model does not know is hidden, unless something stands in it: nothing is sent that cannot be seen.
  function fit(row, model) {
    row.querySelectorAll("[data-models]").forEach(function (input) {
      var known = input.dataset.models.split(" ").indexOf(model) >= 0;
      input.closest(".field").hidden = !known && !input.value.trim();
    });
  }

  // Tiers: a line of text each, "up to, price, flat amount", edited in three columns.
  function tiersOf(text) {
    var words = text.dataset;
    var label = text.closest(".field").querySelector("label");
    var editor = make("div", { class: "tiers", role: "group", "aria-labelledby": text.id + "-title" });
    var add = make("button", { type: "button", class: "btn btn-small" }, words.addTier);
    label.id = text.id + "-title";
    label.removeAttribute("for");
    text.hidden = true;
    editor.append(add);
    text.after(editor);

    function lines() { return Array.prototype.slice.call(editor.querySelectorAll(".tier")); }

    function write() {
      text.value = lines().map(function (line) {
        var typed = Array.prototype.map.call(line.querySelectorAll("input"), function (input) { return input.value.trim(); });
        if (!typed.join("")) return "";
        return ((typed[0] || "*") + " " + (typed[1] || (typed[2] ? "0" : "")) + " " + typed[2]).trim();
      }).filter(Boolean).join("\n");
    }

    function number() {
      lines().forEach(function (line, place) {
        var name = words.tier + " " + (place + 1);
        line.setAttribute("aria-label", name);
        line.querySelectorAll("input").forEach(function (input) { input.setAttribute("aria-label", name + ", " + input.dataset.says); });
        line.querySelector("button").setAttribute("aria-label", words.removeTier + " " + (place + 1));
      });
    }

    function put(parts) {
      var line = make("div", { class: "tier", role: "group" });
      [[words.upTo, words.noLimit], [words.price, ""], [words.flat, "0"]].forEach(function (column, place) {
        var input = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", placeholder: column[1], "data-says": column[0] });
        input.value = place === 0 && parts[0] === "*" ? "" : parts[place] || "";
        line.append(make("span", { class: "tier-says", "aria-hidden": "true" }, column[0]), input);
      });
      var remove = make("button", { type: "button", class: "btn btn-ghost btn-icon" }, "×");
      line.append(remove);
      add.before(line);
      remove.addEventListener("click", function () {
        var place = lines().indexOf(line);
        line.remove();
        number();
        write();
        var beside = lines()[Math.min(place, lines().length - 1)];
        (beside ? beside.querySelector("button") : add).focus();
        say(words.tier + " " + (place + 1) + ": " + words.removed);
      });
      number();
      return line;
    }

    add.addEventListener("click", function () {
      put([]).querySelector("input").focus();
      say(words.tier + " " + lines().length + ": " + words.added);
    });
    editor.addEventListener("input", write);
    text.value.split("\n").forEach(function (line) { if (line.trim()) put(line.trim().split(/\s+/)); });
  }

  document.querySelectorAll("[data-rows]").forEach(rowsOf);
})();
