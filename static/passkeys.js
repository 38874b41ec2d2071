// Passkeys in the browser (WebAuthn Level 3): what the server asks, as the browser takes it, and what it answers, as the server
// takes it. Written out here: not every browser has `toJSON` and `parseRequestOptionsFromJSON`, and some extensions break them.

export const isSupported = Boolean(globalThis.PublicKeyCredential && navigator.credentials);

const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0));
const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const descriptors = (list = []) => list.map((one) => ({ ...one, id: decode(one.id) }));

const answer = (made, response) => ({
  id: made.id, rawId: made.id, type: made.type, response, clientExtensionResults: made.getClientExtensionResults(),
});

/** Asks the browser for a new passkey. Rejects with a `DOMException` if the user does not go on. */
export async function create({ ticket, publicKey }) {
  const { challenge, user, excludeCredentials, ...rest } = publicKey;
  /** @type {any} */
  const made = await navigator.credentials.create({
    publicKey: {
      ...rest,
      challenge: decode(challenge),
      user: { ...user, id: decode(user.id) },
      excludeCredentials: descriptors(excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = made.response;
  const transports = made.response.getTransports?.() ?? [];
  const response = { clientDataJSON: encode(clientDataJSON), attestationObject: encode(attestationObject), transports };
  return { ticket, credential: answer(made, response) };
}

/** Asks the browser for a signature. `how`: `mediation` and `signal` of `navigator.credentials.get`. */
export async function get({ ticket, publicKey }, how = {}) {
  const { challenge, allowCredentials, ...rest } = publicKey;
  /** @type {any} */
  const made = await navigator.credentials.get({
    ...how,
    publicKey: { ...rest, challenge: decode(challenge), allowCredentials: descriptors(allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  const response = {
    clientDataJSON: encode(clientDataJSON),
    authenticatorData: encode(authenticatorData),
    signature: encode(signature),
    ...(userHandle && { userHandle: encode(userHandle) }),
  };
  return { ticket, credential: answer(made, response) };
}

/** The user did not go on, or another request took this one's place. */
export const isCancelled = (error) => ['NotAllowedError', 'AbortError'].includes(error?.name);

// What follows tells the browser what the server knows, so that it offers no passkey that does not work. A browser without
// these signals offers what it offered before.

const tell = async (signal, what) => {
  try {
    await /** @type {any} */ (globalThis.PublicKeyCredential)?.[signal]?.(what);
  } catch { /* it offers what it offered before */ }
};

/** This passkey is not known to the server. */
export const tellUnknown = (rpId, credentialId) => tell('signalUnknownCredential', { rpId, credentialId });

/** These are all passkeys of the user. */
export const tellAll = (rpId, userId, allAcceptedCredentialIds) =>
  tell('signalAllAcceptedCredentials', { rpId, userId, allAcceptedCredentialIds });

/** This is what the user is called. */
export const tellUser = (rpId, userId, name, displayName) =>
  tell('signalCurrentUserDetails', { rpId, userId, name, displayName });
