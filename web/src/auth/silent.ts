/** The page inside the renewal frame: hands its address, which carries the code, to the page that opened the frame. */
// The message is the one oidc-client-ts 3.5 sends from `signinSilentCallback`; loading that library here would double the bytes.
window.parent.postMessage({ source: "oidc-client", url: location.href, keepOpen: false }, location.origin);

export {};
