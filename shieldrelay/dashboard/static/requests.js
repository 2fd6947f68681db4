// Requests to the node's API, as whoever has logged in.

let csrf = "";
let onLoggedOut = () => {};

export class Fault extends Error {
  constructor(status, code, message, hints = []) {
    super(message);
    Object.assign(this, { status, code, hints });
  }
}

export function setSession(session, loggedOut) {
  csrf = session ? session.csrf : "";
  onLoggedOut = loggedOut;
}

export async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new Fault(
      0,
      "unreachable",
      "The node cannot be reached. Is it running, and is the network up? This page tries again.",
    );
  }
  const value = await response.json().catch(() => null);
  if (response.ok && value !== null) return value;
  const error = value?.error ?? {
    code: "no_answer",
    message: `The node answered ${response.status} without words.`,
    hints: [],
  };
  if (response.status === 401 && path !== "session") onLoggedOut();
  throw new Fault(response.status, error.code, error.message, error.hints);
}

export const get = (path, parameters = {}) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return ask("GET", query ? `${path}?${query}` : path);
};
export const post = (path, body = {}) => ask("POST", path, body);
export const remove = (path, body) => ask("DELETE", path, body);
export const piece = encodeURIComponent;
