// Descriptors of a process in a jail: its messages come and go through two pipes, its lanes follow. Standard input and
// output are left alone: Node makes them non-blocking as soon as anything looks at them.
export const controlIn: number = 3;
export const controlOut: number = 4;
export const firstLane: number = 5;
