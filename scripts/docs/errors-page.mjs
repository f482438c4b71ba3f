// `docs/errors.md` as text, from the table of codes. Pure: whoever calls it reads and writes files.

/** How each place is called on the page, and what it means there. */
const PLACES = {
  start: ["at the start", "making or starting a node throws it"],
  call: ["from a method", "the method throws it, or its promise is rejected with it"],
  warning: ["as a `warning`", "the event `warning` brings it, and the node goes on"],
  reason: [
    "as a reason",
    "it is why a peer is not there: `peerInfo()`, `peer:leave`, `peer:status`; or why a bootstrap node did not let us in; in the event `isolated`, why nobody is there",
  ],
  command: ["from the command line", "the `dsn` command tells it"],
};

const EXITS = {
  0: "done; also after Ctrl-C",
  1: "this machine: files, or something unexpected",
  2: "the command line or a setting",
  3: "there is no such node",
  4: "keys, identities, whitelists or versions do not fit together",
  5: "a peer is not there, or does not answer as a node",
  6: "not known, or not in time",
  8: "taken: a port, a file",
  130: "a second Ctrl-C, while stopping",
};

const CHAPTERS = [
  [
    "Your program and its machine",
    "What the caller of the library can put right.",
    (entry) => entry.family === "usage" && !isCommand(entry),
  ],
  [
    "The network",
    "What the operator of the network can put right, here or on another machine.",
    (entry) => entry.family === "network",
  ],
  [
    "A peer",
    "What went wrong at a peer. It was refused, and nothing is broken here.",
    (entry) => entry.family === "peer",
  ],
  ["The command line", "What only the `dsn` command tells.", isCommand],
];

/** @param table `ERRORS`. @returns The page, to be written as it is. */
export function errorsPage(table) {
  const codes = Object.entries(table);
  return [
    "# Errors",
    "<!-- Written by `npm run docs` from src/error-table.ts. Edit the table, not this page. -->",
    INTRO,
    list(Object.values(PLACES).map(([name, meaning]) => `**${name}**: ${meaning}.`)),
    EXIT_INTRO,
    exits(codes),
    ...CHAPTERS.flatMap(([title, what, isIn]) => {
      const entries = codes.filter(([, entry]) => isIn(entry));
      return [`## ${title}`, what, overview(entries), ...entries.flatMap(section)];
    }),
  ]
    .join("\n\n")
    .concat("\n");
}

const INTRO = `\
Every error has a **code** that never changes its meaning: match on it, never on the message. The \
message says what could not be done, \`error.why\` is the evidence, and \`error.fix\` is what to do \
about it, most likely first, with the names and numbers of the case. \`error.nodeId\` and \
\`error.endpoint\` name the peer or address that it is about, if any. All are instances of \
\`DsnError\`, except \`DSN_VALUE_TYPE\`, which is a \`TypeError\`. \`ERRORS\` has this page as data.

An error is met`;

const EXIT_INTRO = `\
What lies behind an error is in \`error.cause\`, or \`error.causes\` where there are several.

The \`dsn\` command ends with the exit status of the error that ended it. A network in trouble ends \
nothing: \`dsn start\` warns and goes on, so what is met at the start or from the command line ends \
it, and nothing else.`;

function exits(codes) {
  const statuses = new Set([0, ...codes.map(([, { exit }]) => exit), 130]);
  const rows = [...statuses]
    .sort((a, b) => a - b)
    .map((status) => `| ${status} | ${EXITS[status]} |`);
  return ["| Exit status | Meaning |", "|--:|---|", ...rows].join("\n");
}

function overview(entries) {
  const rows = entries.map(([code, { says }]) => `| [${code}](#${anchor(code)}) | ${says} |`);
  return ["| Code | What has happened |", "|---|---|", ...rows].join("\n");
}

function section([code, { says, met, causes, fix, exit }]) {
  const places = met.map((place) => PLACES[place][0]).join(", ");
  const facts = isCommand({ met }) ? [] : [`Met ${places}. `];
  return [
    `### ${code}`,
    `${says}. ${facts.join("")}Exit status ${exit}.`,
    `**Usual causes**\n\n${list(causes.map(sentence))}`,
    `**What to do**\n\n${list(fix.map(sentence))}`,
  ];
}

function isCommand({ met }) {
  return met.includes("command");
}

function list(items) {
  return items.map((item) => `- ${item}`).join("\n");
}

/** Begins with a capital, unless with code. */
function sentence(text) {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** As GitHub makes it from a heading. */
function anchor(heading) {
  return heading.toLowerCase();
}
