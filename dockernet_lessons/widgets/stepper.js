// Back, a slider of the browser's own, forward. At an end a button stays where it is, said to be disabled, so that the
// keyboard does not lose its place.
function button(text, act) {
  const made = document.createElement("button");
  made.className = "jupyter-button";
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

export default {
  render({ model, el }) {
    const go = (value) => {
      if (value >= 1 && value <= model.get("stops").length && value !== model.get("value")) {
        model.set("value", value);
        model.save_changes();
      }
    };
    const back = button("◂ Back", () => go(model.get("value") - 1));
    const forward = button("Forward ▸", () => go(model.get("value") + 1));
    const label = document.createElement("label");
    const name = document.createElement("span");
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = slider.step = "1";
    slider.addEventListener("input", () => go(Number(slider.value)));
    label.append(name, slider);
    const where = document.createElement("span");
    where.setAttribute("role", "status");
    el.classList.add("dockernet-stepper");
    el.setAttribute("role", "group");
    el.append(back, label, forward, where);

    const draw = () => {
      const [value, stops] = [model.get("value"), model.get("stops")];
      const said = `${value} of ${stops.length}`;
      el.setAttribute("aria-label", `${model.get("label")} by ${model.get("label").toLowerCase()}`);
      name.textContent = model.get("label");
      slider.max = String(Math.max(stops.length, 1));
      slider.value = String(value);
      slider.setAttribute("aria-valuetext", said);
      where.textContent = `${model.get("label")} ${said}: ${stops[value - 1] ?? ""}`;
      back.setAttribute("aria-disabled", String(value <= 1));
      forward.setAttribute("aria-disabled", String(value >= stops.length));
    };
    model.on("change", draw);
    draw();
    return () => model.off("change", draw);
  },
};
