// Makes the plan's calls, which it reads from stdin, with the official SDK for Node and prints what it read.
//
//     NODE_PATH=/path/to/node_modules node tests/compat/peer.cjs BASE_URL API_KEY < plan.json
//
// A request is one object there: the ids of the path and all arguments, under the wire's names.

const { BrevoClient } = require("@getbrevo/brevo");

const [baseUrl, apiKey] = process.argv.slice(2);

function filled(value, ids) {
  if (Array.isArray(value)) return value.map((each) => filled(each, ids));
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, ids)]));
  return ids[value] ?? value;
}

async function main() {
  const { balance } = new BrevoClient({ apiKey, baseUrl });
  const ids = {};
  const answers = [];
  for (const { method, request, gives } of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) {
    const answer = await balance[method](filled(request, ids));
    if (gives) ids[gives] = answer.id;
    answers.push(answer ?? null);
  }
  console.log(JSON.stringify({ answers, ids }));
}

main();
