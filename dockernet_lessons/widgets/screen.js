// A terminal in a cell. XTERM and FIT are the texts of xterm.js and of its add-on, put before this by screen.py.
const THEMES = {
  true: {
    background: "#ffffff",
    foreground: "#1f2933",
    cursor: "#0072b2",
    cursorAccent: "#ffffff",
    selectionBackground: "#b3d4ea",
    black: "#1f2933",
    red: "#a8321a",
    green: "#1d6b3a",
    yellow: "#7a5200",
    blue: "#005a9e",
    magenta: "#8a3a78",
    cyan: "#00636b",
    white: "#52606d",
    brightBlack: "#52606d",
    brightRed: "#a33b00",
    brightGreen: "#1d6b3a",
    brightYellow: "#7a5200",
    brightBlue: "#0072b2",
    brightMagenta: "#8a3a78",
    brightCyan: "#00636b",
    brightWhite: "#1f2933",
  },
  false: {
    background: "#111417",
    foreground: "#e4e7eb",
    cursor: "#56b4e9",
    cursorAccent: "#111417",
    selectionBackground: "#2d5470",
    black: "#9aa5b1",
    red: "#ff9d5c",
    green: "#7bd19a",
    yellow: "#f0e442",
    blue: "#56b4e9",
    magenta: "#e39fc8",
    cyan: "#6fd6d6",
    white: "#e4e7eb",
    brightBlack: "#9aa5b1",
    brightRed: "#ffb88a",
    brightGreen: "#a5e6bb",
    brightYellow: "#f7f09a",
    brightBlue: "#8fcdf2",
    brightMagenta: "#f0c2de",
    brightCyan: "#a4ebeb",
    brightWhite: "#ffffff",
  },
};
const HELP = "Esc, then Tab leaves the terminal. Ctrl+C copies what is marked, and else interrupts; Ctrl+V pastes.";

async function imported(text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Once a page, however many terminals it shows.
function library() {
  window.dockernetXterm ??= Promise.all([imported(XTERM), imported(FIT)]);
  return window.dockernetXterm;
}

function part(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

// Which keys are not the shell's. Answers false where the browser shall have a key.
function keyboard(terminal) {
  let leaving = false;
  return (event) => {
    if (event.type !== "keydown") {
      return true;
    }
    if (event.key === "Tab" && leaving) {
      leaving = false;
      return false;
    }
    if (event.key !== "Shift") {
      leaving = event.key === "Escape";
    }
    const key = event.key.toLowerCase();
    if (!event.ctrlKey || event.altKey || event.metaKey) {
      return !(event.shiftKey && key === "insert");
    }
    if (key === "c" && (event.shiftKey || terminal.hasSelection())) {
      document.execCommand("copy"); // what xterm.js hands over is what is marked
      event.preventDefault();
      terminal.clearSelection();
      return false;
    }
    return key !== "v";
  };
}

export default {
  async render({ model, el }) {
    const view = crypto.getRandomValues(new Uint32Array(2)).join("-");
    const say = (kind, more = {}) => model.send({ kind, view, ...more });
    const frame = part("div", "dockernet-screen-frame");
    const help = part("p", "dockernet-screen-help", HELP);
    help.id = `dockernet-${view}`;
    el.classList.add("dockernet-screen");
    const room = part("div", "dockernet-screen-room"); // never scrolls, whatever has the focus in it
    frame.append(room);
    el.append(frame, help);
    const [{ Terminal }, { FitAddon }] = await library();

    const size = parseInt(getComputedStyle(el).getPropertyValue("--jp-code-font-size"), 10) || 13;
    frame.style.height = `${Math.ceil(model.get("rows") * size * 1.25) + 14}px`;
    const themed = () => THEMES[document.body.dataset.jpThemeLight !== "false"];
    const terminal = new Terminal({
      cols: model.get("columns"),
      rows: model.get("rows"),
      fontFamily: getComputedStyle(el).getPropertyValue("--jp-code-font-family") || "monospace",
      fontSize: size,
      minimumContrastRatio: 4.5,
      screenReaderMode: true,
      scrollback: 5000,
      theme: themed(),
    });
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    terminal.open(room);
    terminal.attachCustomKeyEventHandler(keyboard(terminal));
    terminal.textarea.setAttribute("aria-label", model.get("label"));
    terminal.textarea.setAttribute("aria-describedby", help.id);
    // All keys are the shell's, Ctrl+B too; and the menu is the browser's, which can copy and paste.
    frame.dataset.lmSuppressShortcuts = "true";
    frame.dataset.jpSuppressContextMenu = "true";

    let position = -1; // until the screen has come
    let replaying = false; // what was written before asks again what was answered then: an answer begins with Escape
    let pieces = []; // typed, and not heard to be taken: each message has all of them
    let first = 0; // the number of the first of them
    const hello = () => say("hello", { columns: terminal.cols, rows: terminal.rows });
    const shown = (upto) => () => say("shown", { upto });
    const hear = (message, buffers) => {
      if (message.kind === "taken") {
        if (message.view === view && message.upto > first) {
          pieces = pieces.slice(message.upto - first);
          first = message.upto;
        }
        return;
      }
      const bytes = buffers.length ? new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength) : null;
      if (message.kind === "screen" && (!message.view || message.view === view)) {
        position = message.at + bytes.length;
        replaying = true;
        terminal.reset();
        const upto = position;
        terminal.write(bytes, () => {
          replaying = false;
          shown(upto)();
        });
      } else if (message.kind === "output" && message.at === position) {
        position += bytes.length;
        terminal.write(bytes, shown(position));
      } else if (message.kind === "output" && position >= 0 && message.at > position) {
        position = -1; // something was lost: ask for all of it
        hello();
      }
    };
    const keys = () => say("keys", { first, pieces, focused: document.activeElement === terminal.textarea });
    const type = (text) => {
      if (!replaying || !text.startsWith("\x1b")) {
        pieces.push(text);
        keys();
      }
    };
    const remind = () => {
      try {
        if (position < 0) {
          hello();
        } else if (pieces.length) {
          keys();
        }
      } catch {
        clearInterval(reminding); // the kernel has gone
      }
    };
    terminal.onData(type);
    terminal.onBinary(type);
    const focus = () => say("focus", { columns: terminal.cols, rows: terminal.rows });
    terminal.textarea.addEventListener("focus", focus);

    const follow = () => {
      if (terminal.cols !== model.get("columns") || terminal.rows !== model.get("rows")) {
        terminal.resize(model.get("columns"), model.get("rows"));
      }
    };
    const dim = () => frame.classList.toggle("dockernet-ended", !model.get("live"));
    let waiting = 0;
    const measure = () => {
      if (frame.clientWidth > 0) {
        fit.fit();
        say("size", { columns: terminal.cols, rows: terminal.rows });
      }
    };
    const resized = new ResizeObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(measure, 100);
    });
    const theme = new MutationObserver(() => {
      terminal.options.theme = themed();
    });

    model.on("msg:custom", hear);
    model.on("change:columns change:rows", follow);
    model.on("change:live", dim);
    dim();
    if (frame.clientWidth > 0) {
      fit.fit();
    }
    hello();
    const reminding = setInterval(remind, 1000);
    resized.observe(frame);
    theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });

    return () => {
      resized.disconnect();
      theme.disconnect();
      clearTimeout(waiting);
      clearInterval(reminding);
      model.off("msg:custom", hear);
      model.off("change:columns change:rows", follow);
      model.off("change:live", dim);
      terminal.dispose();
      try {
        say("bye");
      } catch {
        // the notebook was closed, and its connection with it
      }
    };
  },
};
