/** A promise that somebody else settles. Unheard rejections are nobody's business. */
export type Deferred<T> = {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly isSettled: () => boolean;
};

export function deferred<T>(): Deferred<T> {
  let settled = false;
  let yes: (value: T) => void = () => {};
  let no: (error: unknown) => void = () => {};
  const promise = new Promise<T>((resolve, reject) => {
    yes = resolve;
    no = reject;
  });
  promise.catch(() => {});
  return {
    promise,
    resolve: (value) => {
      settled = true;
      yes(value);
    },
    reject: (error) => {
      settled = true;
      no(error);
    },
    isSettled: () => settled,
  };
}
