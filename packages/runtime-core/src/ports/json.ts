/** What a record can hold: plain data that survives JSON. 64-bit numbers are written as decimal strings. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
