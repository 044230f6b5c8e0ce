/** Names of answers in the cache that more than one feature causes to be asked for again. */

export const incidentsKey = ['incidents'] as const;
