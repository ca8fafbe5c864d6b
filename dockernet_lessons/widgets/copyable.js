// A labelled text with a button that copies it. Works without a secure context, too: the text is selected then.
async function copied(pre) {
  try {
    await navigator.clipboard.writeText(pre.textContent);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(pre);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
}

export default {
  render({ model, el }) {
    const head = document.createElement("div");
    head.className = "dockernet-copyable-head";
    const label = document.createElement("span");
    const button = document.createElement("button");
    button.className = "jupyter-button";
    button.type = "button";
    head.append(label, button);
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.setAttribute("role", "group");
    const draw = () => {
      label.textContent = model.get("label");
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy ${model.get("label")}`);
      button.disabled = !model.get("text");
      pre.setAttribute("aria-label", model.get("label"));
      pre.textContent = model.get("text");
    };
    button.addEventListener("click", async () => {
      button.textContent = (await copied(pre)) ? "Copied" : "Press Ctrl-C";
    });
    model.on("change", draw);
    el.classList.add("dockernet-copyable");
    el.append(head, pre);
    draw();
  },
};
