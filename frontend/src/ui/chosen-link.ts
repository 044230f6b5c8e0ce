/**
 * Marks the link to what is shown, among links to alternatives of one page. The router's own mark compares addresses,
 * and an address may leave out what is chosen by default.
 */
export const chosenLink = (chosen: boolean) =>
  ({
    'data-chosen': chosen || undefined,
    activeOptions: { exact: true, explicitUndefined: true },
    'aria-current': chosen ? 'true' : undefined,
  }) as const;
