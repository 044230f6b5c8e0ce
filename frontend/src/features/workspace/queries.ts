/** What is asked about the workspace, and what is done to it. */

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import type { WorkspaceChange } from '@/api/types';

export const workspaceQuery = queryOptions({
  queryKey: ['workspace'],
  queryFn: ({ signal }) => data(api.GET('/api/v1/workspace', { signal })),
});

export function useChangeWorkspace() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: WorkspaceChange) => data(api.PATCH('/api/v1/workspace', { body })),
    onSuccess: async (workspace) => {
      client.setQueryData(workspaceQuery.queryKey, workspace);
      // What is older than it is kept is no longer there to be shown.
      await client.invalidateQueries({
        predicate: ({ queryKey }) => queryKey[0] !== workspaceQuery.queryKey[0],
      });
    },
  });
}
