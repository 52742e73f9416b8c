export { type DescribeOptions, describeMessage } from "./redact/describe-message.ts";
export { redactError } from "./redact/redact-error.ts";
export { redactMessage } from "./redact/redact-message.ts";
export { createRedactor, displayUrl, type Redactor, redact } from "./redact/redact-text.ts";
export { hasSecrets, isSecretField } from "./redact/secret-fields.ts";
export { secretsOf } from "./redact/secrets-of.ts";
