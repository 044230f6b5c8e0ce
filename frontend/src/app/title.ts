import { useEffect } from 'react';

/** Names the page in the browser's tab, in its history, and to screen readers on arriving. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Watchkeeper`;
  }, [title]);
}
