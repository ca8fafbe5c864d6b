// Leaves keys to the control that has the focus. JupyterLab hears them first, and takes Enter on a button for "edit
// this cell", an arrow for "the next cell", and "b" for "a cell below".
const SUPPRESS = "data-lm-suppress-shortcuts";

function listen(event) {
  const control = event.target instanceof Element && event.target.closest(".dockernet-panel") ? event.target : null;
  if (control) {
    const forNotebook = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    control.toggleAttribute(SUPPRESS, !forNotebook);
  }
}

export default {
  render({ el }) {
    el.hidden = true;
    if (!window.dockernetKeys) {
      window.dockernetKeys = true;
      window.addEventListener("keydown", listen, true);
    }
  },
};
