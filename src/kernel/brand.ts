declare const brand: unique symbol;

/** A type that has the runtime shape of `T` but cannot be mixed up with another brand. */
export type Branded<T, Name extends string> = T & { readonly [brand]: Name };
