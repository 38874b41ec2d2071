// What an independent verifier answers: npm `@simplewebauthn/server`. Reads requests as a JSON array, writes verdicts.
// Its folder of modules is the first argument. As in judge.py, a registration counts as accepted only if its key can be used.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(`${process.argv[2]}/`);
const { verifyRegistrationResponse, verifyAuthenticationResponse } = require("@simplewebauthn/server");
const { decodeCredentialPublicKey, verifySignature } = require("@simplewebauthn/server/helpers");

// A signature of the right form, which no key has made.
const WRONG = { [-7]: [0x30, 6, 2, 1, 1, 2, 1, 1], [-8]: Array(64).fill(0), [-257]: Array(256).fill(0) };

const register = async (expected) => {
  const answer = await verifyRegistrationResponse({ ...expected, supportedAlgorithmIDs: [-8, -7, -257] });
  const credentialPublicKey = answer.registrationInfo.credential.publicKey;
  const signature = new Uint8Array(WRONG[decodeCredentialPublicKey(credentialPublicKey).get(3)]);
  await verifySignature({ signature, data: new Uint8Array(1), credentialPublicKey });
  return answer;
};

const verify = (request) => {
  const expected = {
    response: request.credential,
    expectedChallenge: request.challenge,
    expectedOrigin: request.origins,
    expectedRPID: request.rp_id,
    requireUserVerification: request.user_verification,
  };
  if (request.ceremony === "registration") {
    return register(expected);
  }
  const known = request.known;
  const publicKey = new Uint8Array(Buffer.from(known.public_key, "base64url"));
  const credential = { id: known.credential_id, publicKey, counter: known.sign_count };
  return verifyAuthenticationResponse({ ...expected, credential });
};

const verdicts = [];
for (const request of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    verdicts.push((await verify(request)).verified ? "accepted" : "refused: not verified");
  } catch (error) {
    verdicts.push(`refused: ${error.name}: ${error.message}`);
  }
}
process.stdout.write(JSON.stringify(verdicts));
