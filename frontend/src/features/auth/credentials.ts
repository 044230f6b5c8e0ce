/** An e-mail address and a password, as the forms to sign up and to log in hold them. */

import * as z from 'zod/mini';

/** What an address is and which password is strong enough is the server's to say. */
export const credentialsSchema = z.object({
  email: z.string().check(z.minLength(1, 'Enter your e-mail address.')),
  password: z.string().check(z.minLength(1, 'Enter a password.')),
});

export type CredentialsForm = z.infer<typeof credentialsSchema>;

/** Where to go after logging in: a path of this dashboard, never another site. */
export function safeTarget(next: string | undefined): string {
  const isOwnPath = next !== undefined && /^\/(?![/\\])/.test(next);
  return isOwnPath ? next : '/monitors';
}
