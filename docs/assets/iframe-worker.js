// A page that was opened as a file may not start a worker, and the search is one. This runs its
// script in a hidden frame instead. Material's worker looks for the name `IFrameWorker`.
(() => {
  if (location.protocol !== "file:") return;

  window.IFrameWorker = class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentDocument;
      inside.open();
      inside.write("<!doctype html><title>search</title>");
      inside.close();
      const scope = frame.contentWindow;
      scope.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      scope.importScripts = (...urls) =>
        urls.reduce((before, each) => before.then(() => load(inside, each)), Promise.resolve());
      this.scope = scope;
      this.ready = load(inside, url);
    }

    postMessage(data) {
      this.ready.then(() => this.scope.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.scope.frameElement.remove();
    }
  };
  window.Worker = window.IFrameWorker;

  function load(inside, url) {
    return new Promise((resolve, reject) => {
      const script = inside.createElement("script");
      script.src = url;
      script.onload = resolve;
      script.onerror = reject;
      inside.body.append(script);
    });
  }
})();
