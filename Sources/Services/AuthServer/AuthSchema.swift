import Outbox
import Postgres

/// The schema of `auth`, step by step.
enum AuthSchema {
  static let schema = Schema(name: "auth", migrations: migrations)

  static let migrations = [
    Migration(number: 1, name: "accounts", sql: PackageResources._001_accounts_sql),
    OutboxSchema.migration(number: 2, runtimeRole: "auth"),
    Migration(
      number: 3, name: "access_token_scopes",
      sql: PackageResources._003_access_token_scopes_sql),
    Migration(number: 4, name: "revocations", sql: PackageResources._004_revocations_sql),
    Migration(
      number: 5, name: "mail_and_roles", sql: PackageResources._005_mail_and_roles_sql),
    Migration(
      number: 6, name: "second_factors_and_attempts",
      sql: PackageResources._006_second_factors_and_attempts_sql),
    Migration(number: 7, name: "deletion", sql: PackageResources._007_deletion_sql),
    Migration(
      number: 8, name: "access_token_limits",
      sql: PackageResources._008_access_token_limits_sql),
    Migration(number: 9, name: "passkeys", sql: PackageResources._009_passkeys_sql),
    Migration(
      number: 10, name: "credential_codes", sql: PackageResources._010_credential_codes_sql),
    Migration(number: 11, name: "identities", sql: PackageResources._011_identities_sql),
    Migration(
      number: 12, name: "mails_about_keys", sql: PackageResources._012_mails_about_keys_sql),
    Migration(
      number: 13, name: "rotation_with_overlap",
      sql: PackageResources._013_rotation_with_overlap_sql),
  ]
}
