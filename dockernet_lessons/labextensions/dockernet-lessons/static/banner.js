// Where the server has no testbed, a banner above the lessons says what is recorded, why, and how to get a live one.
//
// An extension of JupyterLab in the form in which it is loaded, so that nothing has to be built: JupyterLab looks for
// `_JUPYTERLAB[name]`, hands it the modules that all extensions share, and asks it for the plugin. The server's side of
// it is `ready.py`.
(() => {
  const LOOK_MS = 1000;
  let shared;

  const module = async (name) => (await Object.values(shared[name])[0].get())();

  const element = (kind, text, ...children) => {
    const made = document.createElement(kind);
    made.textContent = text;
    made.append(...children);
    return made;
  };

  const line = (name, text) => {
    const made = element("div", "", element("strong", `${name}: `), text);
    made.style.margin = "2px 0";
    return made;
  };

  const button = (text, act) => {
    const made = element("button", text);
    made.type = "button";
    made.className = "jp-mod-styled jp-mod-reject";
    made.style.margin = "4px 8px 4px 0";
    made.addEventListener("click", act);
    return made;
  };

  // A panel above JupyterLab's menus, as high as what it says at the width that it has.
  const panel = async (app) => {
    const { Widget } = await module("@lumino/widgets");
    const banner = new Widget();
    const said = element("div", "");
    said.setAttribute("role", "alert");
    said.style.padding = "6px 12px";
    banner.id = "dockernet-banner";
    banner.node.setAttribute("role", "region");
    banner.node.setAttribute("aria-label", "The testbed of these lessons");
    Object.assign(banner.node.style, {
      background: "var(--jp-layout-color2)",
      borderBottom: "3px solid var(--jp-warn-color0)",
      color: "var(--jp-ui-font-color0)",
      fontSize: "var(--jp-ui-font-size1)",
      overflow: "auto",
    });
    banner.node.append(said);
    const fit = () => {
      const height = `${said.offsetHeight + 3}px`;
      if (banner.node.style.minHeight !== height) {
        banner.node.style.minHeight = height;
        banner.parent?.fit();
      }
    };
    new ResizeObserver(fit).observe(said);
    app.shell.add(banner, "header");
    if (!banner.parent) {
      Object.assign(banner.node.style, { position: "fixed", inset: "auto 0 0 0", zIndex: 100 }); // Notebook has no header
      Widget.attach(banner, document.body);
    }
    return { say: (...lines) => said.replaceChildren(...lines), close: () => banner.dispose() };
  };

  const watch = async (app) => {
    const { ServerConnection } = await module("@jupyterlab/services");
    const settings = app.serviceManager.serverSettings;
    const ask = async (method) => {
      const answer = await ServerConnection.makeRequest(`${settings.baseUrl}dockernet/testbed`, { method }, settings);
      return answer.ok ? answer.json() : { state: "unknown" };
    };
    const outcome = async (method) => {
      let found = await ask(method);
      while (found.state === "starting") {
        await new Promise((go) => setTimeout(go, LOOK_MS));
        found = await ask("GET");
      }
      return found;
    };

    let found = await outcome("GET");
    if (found.state !== "recorded") {
      return;
    }
    const banner = await panel(app);
    const close = button("Close", banner.close);
    const readme = button("Three ways in", () => app.commands.execute("markdownviewer:open", { path: "README.md" }));
    const again = button("Try again", async () => {
      again.disabled = true;
      again.textContent = "Trying …";
      found = await outcome("POST");
      again.disabled = false;
      again.textContent = "Try again";
      show();
    });
    const show = () => {
      if (found.state === "live") {
        banner.say(line("Live", found.live), close);
      } else if (found.state === "recorded") {
        banner.say(
          line("Recorded", found.recorded),
          line("Why", found.why),
          line("Next", found.next),
          line("Live", found.live),
          again,
          ...(app.commands.hasCommand("markdownviewer:open") ? [readme] : []),
          close,
        );
      }
    };
    show();
  };

  const plugin = {
    id: "dockernet-lessons:banner",
    description: "Says above the lessons that no testbed runs, before a cell does.",
    autoStart: true,
    activate: (app) => {
      app.restored.then(() => watch(app)).catch((error) => console.warn(`dockernet-lessons: ${error}`));
    },
  };

  (window._JUPYTERLAB ??= {})["dockernet-lessons"] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
