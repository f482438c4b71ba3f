import type { Address } from "../wire/exchange.ts";
import { MessageType } from "../wire/message-type.ts";
import { PING_REQUEST } from "../wire/ping.ts";
import type { Flow } from "./flow.ts";
import type { JoiningParts } from "./joining-parts.ts";
import type { Member } from "./member.ts";
import { LIMITS } from "./settings.ts";
import { troubleOf } from "./troubles.ts";

/**
 * One PING to where a member may be. It wakes nobody: a HELLO makes a Python peer enter us and
 * tell its application.
 *
 * @throws {DsnError} the reason why there was no answer.
 */
export function* pingMember(
  { kernel, self, keyId }: JoiningParts,
  member: Member,
  endpoint: Address,
): Flow {
  const reply = yield* kernel.request(endpoint, MessageType.PING, PING_REQUEST, {
    answerBytesMax: LIMITS.smallAnswerBytesMax,
  });
  if (reply.kind === "answer") return;
  throw troubleOf(reply, {
    what: `reach ${member.nodeId}`,
    to: endpoint,
    nodeId: member.nodeId,
    me: self.nodeId,
    keyId,
  });
}
