/** What holds whatever happens, a sentence each. */
export const properties = {
  "no lost name": "what could not be created can be created again, and a name in use is given to nobody else",
  "no leaked resource": "nothing is held for an object that does not exist, and nothing is made before it is recorded",
  "no illegal move": "states and times only go forward, each for a reason, and an end once told never changes",
  "every call settles": "each call ends, and so does what it began",
  "an acknowledged change survives": "what a caller was told has happened is still so after a crash at any point",
  "a failure leaves nothing": "a failed call stands in nobody's way, and its effect is not there",
  "one answer": "who asks for the same at the same time gets the same",
  "true answers": "an answer tells what was so while it was asked for",
  "events tell it all": "each change is told once and in order, to each subscriber",
} as const;

export type Property = keyof typeof properties;

/** Something that must never happen. */
export class Violation extends Error {
  readonly property: Property;

  constructor(property: Property, what: string) {
    super(`${property}: ${what}`);
    this.name = "Violation";
    this.property = property;
  }
}
