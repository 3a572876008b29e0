// A page that shows one screen with cs-web-lib; screen, macros and gateway stand in its address.
import React from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { BrowserRouter } from "react-router-dom";
import {
  DynamicPageWidget,
  FileProvider,
  OutlineProvider,
  RelativePosition,
  ensureWidgetsRegistered,
  store
} from "@diamondlightsource/cs-web-lib";

ensureWidgetsRegistered?.();
const asked = new URLSearchParams(window.location.search);
const first = {
  main: { path: asked.get("screen"), macros: JSON.parse(asked.get("macros")), defaultProtocol: "ca" }
};

createRoot(document.getElementById("root")).render(
  <Provider store={store({ PVWS_SOCKET: asked.get("gateway"), PVWS_SSL: false, THROTTLE_PERIOD: 100 })}>
    <BrowserRouter>
      <OutlineProvider>
        <FileProvider initialPageState={first}>
          <DynamicPageWidget
            location="main"
            position={new RelativePosition()}
            scroll={false}
            showCloseButton={false}
          />
        </FileProvider>
      </OutlineProvider>
    </BrowserRouter>
  </Provider>
);
