import { zodResolver } from '@hookform/resolvers/zod';
import type { ReactNode } from 'react';
import { useForm } from 'react-hook-form';
import { session } from '@/api/browser';
import { layProblemOver } from '@/api/form-problem';
import { problemOf } from '@/api/problem';
import type { SessionAnswer } from '@/api/types';
import { Button } from '@/ui/button';
import { Field, Input } from '@/ui/field';
import { Lighthouse } from '@/ui/logo';
import { type CredentialsForm as Credentials, credentialsSchema } from './credentials';

type CredentialsFormProps = {
  title: string;
  intro: string;
  action: string;
  /** Whether the password is chosen here, or one that is known. */
  chooses: 'current-password' | 'new-password';
  passwordHint?: string;
  send: (credentials: Credentials) => Promise<SessionAnswer>;
  foot: ReactNode;
};

/** The form to sign up or to log in. A session that begins moves the page on: see `app/router.tsx`. */
export function CredentialsForm({
  title,
  intro,
  action,
  chooses,
  passwordHint,
  send,
  foot,
}: CredentialsFormProps) {
  const form = useForm<Credentials>({
    resolver: zodResolver(credentialsSchema),
    defaultValues: { email: '', password: '' },
  });
  const { errors, isSubmitting } = form.formState;
  const submit = form.handleSubmit((credentials) =>
    send(credentials).then(
      (answer) => session.begin(answer),
      (error: unknown) => layProblemOver(form, problemOf(error)),
    ),
  );
  return (
    <main id="main" tabIndex={-1} className="outline-none grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <Lighthouse className="size-11" />
          <div>
            <p className="font-semibold text-base tracking-tight">Watchkeeper</p>
            <p className="text-soft">A monitor that you can audit.</p>
          </div>
        </div>
        <div className="panel p-5 sm:p-6">
          <h1 className="font-semibold text-xl tracking-tight">{title}</h1>
          <p className="mt-1 text-soft">{intro}</p>
          <form onSubmit={submit} noValidate className="mt-5 grid gap-4">
            <Field label="E-mail" error={errors.email?.message}>
              {(control) => (
                <Input type="email" autoComplete="username" {...control} {...form.register('email')} />
              )}
            </Field>
            <Field label="Password" hint={passwordHint} error={errors.password?.message}>
              {(control) => (
                <Input type="password" autoComplete={chooses} {...control} {...form.register('password')} />
              )}
            </Field>
            {errors.root && (
              <p role="alert" className="rounded-lg bg-down-wash px-3 py-2 font-medium text-down">
                {errors.root.message}
              </p>
            )}
            <Button type="submit" look="primary" className="h-10" busy={isSubmitting}>
              {action}
            </Button>
          </form>
        </div>
        <p className="mt-4 text-center text-soft">{foot}</p>
      </div>
    </main>
  );
}
