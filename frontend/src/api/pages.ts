import type { InfiniteData } from '@tanstack/react-query';

/** The items of all pages that were read, in one list. */
export const flat = <Item>({ pages }: InfiniteData<{ items: Item[] }>): Item[] =>
  pages.flatMap((page) => page.items);
