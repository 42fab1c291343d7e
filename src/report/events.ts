/** Every event name of the log, and what it says. The README's table is tested against this list. */
export const EVENTS = {
  "daemon-started": "the daemon runs; its version",
  "daemon-stopping": "SIGTERM or SIGINT; a roll under way is finished or undone first",
  "engine-ending": "the engine shuts down too: a roll under way is left to the next start",
  "daemon-stopped": "the last line of an orderly end",
  "look-failed": "a look at the world could not be finished; it is tried again",
  defect: "something unexpected in sidecrypt itself; the loop goes on",

  "bundle-opened": "a bundle was decrypted and its MAC compared",
  "bundle-refused": "a bundle was refused; the last good generation stays",
  "bundle-warning": "the bundle's directory cannot be watched as it should",

  planned: "what will be done, and why; no line where there is nothing to do",
  "plan-warning": "a value, a label or an order worth a look, by name",
  "consumer-refused": "a consumer is refused; the others go on",

  "held-back": "a unit that is not tried: it failed with the same values, or shares a name with one that did",

  delivered: "a generation was put on a drop",
  "drop-fault": "a drop cannot be written to, or is not what its definition says",
  "drop-warning": "a drop is usable but not as safe as it could be",

  "roll-postponed":
    "a unit waits for its minimum interval, and until when; changes meanwhile come together in one roll",
  "circuit-open": "a consumer was rolled as often as its budget allows: it is not rolled again for a while",
  "roll-started": "a unit's replacement begins",
  "files-carried": "files that Compose put into the old container itself are carried over to the new one",
  "copy-warning": "the new container is the same, but a port, the name of its image or its way back is not",
  "files-left-behind": "files that live only in the old container's own layer are lost with it",
  "files-unread": "what else the old container's own layer holds could not be read before it was removed",
  "container-started": "the new container runs, and how long nothing did",
  "container-passed": "its gate passed, and by which proof",
  "container-refreshed": "a container found on an emptied drop was restarted in place",
  "gate-failed": "a container failed its gate, and its on-failure label says that this takes nothing back",
  "way-back": "a gate failed; the old containers and the old files are being put back",
  "commit-unfinished": "a committed unit could not be tidied up yet; the next look does it",
  "container-dead": "the engine could not remove all of a container that is not needed; nothing starts what is left",
  "backup-started": "somebody started a kept old container in the middle of a roll: it is stopped at once",
  "refresh-failed": "a restart in place failed, or the container did not pass its gate afterwards",
  "roll-committed": "a unit passed its gate; the old containers are removed",
  "rolled-back": "a gate failed, or the engine four times; the old containers and the old files are back",
  undone: "a unit was not rolled for a reason outside its files; it is tried again",
  "roll-stuck": "the way back failed too; nothing more is tried",
  recovered: "a roll that a kill interrupted was finished or undone",
  "quarantine-cleared": "someone said retry: what was quarantined, stuck or waiting is tried again",

  "engine-lost": "the engine does not answer; what is delivered stays",
  "engine-found": "looks succeed again",
} as const;

export type EventName = keyof typeof EVENTS;
