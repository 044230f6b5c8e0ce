/** What is watched: a server that is up or down as the test says. */

import { once } from 'node:events';
import { createServer } from 'node:http';

export type Target = {
  url: string;
  goDown: () => void;
  comeBack: () => void;
  stop: () => Promise<void>;
};

export async function startTarget(): Promise<Target> {
  let status = 200;
  const server = createServer((_, response) => {
    response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' });
    response.end(status === 200 ? 'all is well' : 'out of order');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/health`,
    goDown: () => {
      status = 503;
    },
    comeBack: () => {
      status = 200;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
