/**
 * Calls the REST API with whichever version of npm's `opentok` there is, 2.5 or newer, and prints what became of each call as
 * JSON. What a version does not have is null.
 *
 * Usage: any-opentok.cjs FOLDER URL API_KEY SECRET, where FOLDER/node_modules has the package; FOLDER is absolute.
 */
const { createRequire } = require("node:module");
const { promisify } = require("node:util");

const [folder, url, apiKey, secret] = process.argv.slice(2);
const OpenTok = createRequire(`${folder}/`)("opentok");
const opentok = new OpenTok(apiKey, secret, url);

async function main() {
  const create = async (options, by = opentok) =>
    (await promisify(by.createSession.bind(by))(options)).sessionId;
  const sessionId = await create({});
  const outcomes = {
    sessionId,
    relayed: await create({ mediaMode: "relayed", location: "192.0.2.7" }),
    routed: await create({ mediaMode: "routed" }),
    tokens: [opentok.generateToken(sessionId, { role: "moderator", data: "name=Ann Bo" })],
  };
  // Versions before 2.22 ignore the third argument.
  outcomes.tokens.push(opentok.generateToken(sessionId, { data: "name=Ann Bo" }, true));
  const stranger = new OpenTok(apiKey, "x".repeat(40), url);
  outcomes.stranger = await create({}, stranger).then(
    () => null,
    (error) => error.message,
  );
  if (opentok.signal) {
    await promisify(opentok.signal.bind(opentok))(sessionId, null, { type: "a", data: "to all" });
  }
  console.log(JSON.stringify(outcomes));
}

main();
