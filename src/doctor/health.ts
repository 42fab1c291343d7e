/** Does a healthcheck prove that the secret works? Pure; nothing of the command is repeated. */
import { finding, type Finding } from "../compose-model/finding.ts";
import { isConsumer, type StackView, type ViewedService } from "../compose-model/view.ts";

interface Telltale {
  readonly what: string;
  matches(text: string): boolean;
  readonly hint: string;
}

/** A pipe into a comparison, or a comparison itself: whoever writes one looks at the answer. */
const COMPARES = /\bgrep\b|\bPONG\b|\[\[? |\btest /;

const TELLTALES: readonly Telltale[] = [
  {
    what: "redis-cli ping exits 0 on NOAUTH and on a wrong password",
    matches: (text) => /\b(?:redis|valkey|keydb)-cli\b.*\bping\b/i.test(text) && !COMPARES.test(text),
    hint: `test: ["CMD-SHELL", "REDISCLI_AUTH=$$(cat /run/secrets/REDIS_PASSWORD) redis-cli ping | grep -qx PONG"]`,
  },
  {
    what: "pg_isready does not log in",
    matches: (text) => /\bpg_isready\b/.test(text) && !/\bpsql\b/.test(text),
    hint: `test: ["CMD-SHELL", "PGPASSWORD=$$(cat /run/secrets/POSTGRES_PASSWORD) psql -h 127.0.0.1 -U postgres -c 'select 1'"]`,
  },
  {
    what: "mysqladmin ping exits 0 when the login is refused",
    matches: (text) => /\b(?:mysqladmin|mariadb-admin)\b.*\bping\b/.test(text),
    hint: `test: ["CMD-SHELL", "MYSQL_PWD=$$(cat /run/secrets/MYSQL_ROOT_PASSWORD) mysql -h 127.0.0.1 -u root -e 'select 1'"]`,
  },
  {
    what: "it ends well whatever happens",
    matches: (text) =>
      /(?:\|\||;)\s*(?:true|:|exit 0)\s*$/.test(text) ||
      /^\s*(?:\/bin\/)?(?:true|:|exit 0|echo\b[^|&;]*)\s*$/.test(text),
    hint: "let the command's own exit status count: take the end off",
  },
  {
    what: "curl exits 0 on a refused login",
    matches: (text) => /\bcurl\b/.test(text) && !/\s(?:-\w*f\w*|--fail\S*)\b/.test(text) && !COMPARES.test(text),
    hint: `test: ["CMD", "curl", "--fail", "--silent", "URL"]`,
  },
  {
    what: "it looks for a process or a port alone",
    matches: (text) => /^\s*(?:pgrep|pidof|nc -\w*z|ps)\b[^|&;]*$/.test(text),
    hint: "let it look at something that a login has made: a file that the bot touches, its own status",
  },
];

export function healthFindings({ services }: StackView): Finding[] {
  return services.filter((one) => isConsumer(one) && proves(one)).flatMap(judge);
}

/** Nothing is rolled that asks for nothing to be done; a probe is a proof of its own. */
function proves({ labels }: ViewedService): boolean {
  return labels["sidecrypt.on-change"]?.trim() !== "none" && labels["sidecrypt.probe"] === undefined;
}

function judge({ service, healthTest }: ViewedService): Finding[] {
  if (healthTest === null) return [];
  const [kind = "NONE", ...words] = healthTest;
  if (kind === "NONE") {
    const message = `service ${service} has neither a healthcheck nor a probe: a roll of it proves that it runs, no more`;
    const hint = `labels: { sidecrypt.probe: "COMMAND that exits 0 once it is logged in" }`;
    return [finding("warning", "healthcheck-missing", service, message, hint)];
  }
  const text = (kind === "CMD" || kind === "CMD-SHELL" ? words : healthTest)
    .join(" ")
    .replace(/^(?:\/bin\/)?(?:ba|a|da)?sh -c /, "");
  const found = TELLTALES.find((one) => one.matches(text));
  if (found === undefined) return [];
  const message = `service ${service}: its healthcheck proves nothing: ${found.what}`;
  return [finding("warning", "healthcheck-proves-nothing", service, message, found.hint)];
}
