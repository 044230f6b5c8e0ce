/** The lease in IndexedDB. */

import type { Lease, LeaseStore } from '@/api/lease';

const DATABASE = 'watchkeeper';
const STORE = 'leases';

const opened = (): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** The lease of this name. */
export function leaseIn(name: string): LeaseStore {
  let database: Promise<IDBDatabase> | undefined;
  return async (change) => {
    try {
      database ??= opened();
      return await changeIn(await database, name, change);
    } catch (error) {
      // A database that was closed, as when the browser forgets a site, is opened anew by the next one.
      database = undefined;
      throw error;
    }
  };
}

const changeIn = (
  database: IDBDatabase,
  name: string,
  change: Parameters<LeaseStore>[0],
): ReturnType<LeaseStore> =>
  new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, 'readwrite');
    const store = transaction.objectStore(STORE);
    const read: IDBRequest<Lease | undefined> = store.get(name);
    let lease: Lease | null = null;
    read.onsuccess = () => {
      lease = change(read.result ?? null);
      if (lease === null) store.delete(name);
      else store.put(lease, name);
    };
    transaction.oncomplete = () => resolve(lease);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
