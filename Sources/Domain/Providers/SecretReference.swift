import Encodings

/// Values that say where a key is kept: programs that know the store put the key in their place, we
/// would store the reference.
enum SecretReference {
  /// What keeps the key, to be named to whoever wrote the value; nil for what may be a key.
  static func place(of text: String) -> String? {
    let bytes = Array(text.utf8)
    let lower = Array(text.lowercased().utf8)
    for (beginning, place) in stores where lower.starts(with: beginning.utf8) { return place }
    if isVariable(bytes) { return "another variable" }
    if isPath(bytes) { return "a file" }
    if contains(lower, "://") { return "an address" }
    if contains(bytes, "${") || contains(bytes, "$(") || contains(bytes, "{{") {
      return "another variable"
    }
    return nil
  }

  /// In lower case, longer ones before those that they begin with.
  private static let stores: [(beginning: String, place: String)] = [
    ("op://", "1Password"), ("encrypted:", "dotenvx"), ("enc[", "SOPS"), ("sops:", "SOPS"),
    ("enc(", "an encrypted value"), ("enc:", "an encrypted value"),
    ("{cipher}", "an encrypted value"), ("age-encryption", "an encrypted value"),
    ("age:", "an encrypted value"), ("-----begin", "an encrypted value"),
    ("$ansible_vault", "Ansible Vault"), ("kms:", "a key management service"),
    ("vault:", "Vault"), ("vault/", "Vault"), ("ref+", "another store"), ("ref:", "another store"),
    ("secret/", "Vault"), ("kv/", "Vault"),
    ("arn:", "AWS"), ("ssm:", "AWS"), ("ssm/", "AWS"), ("aws:", "AWS"), ("awssm:", "AWS"),
    ("aws-secretsmanager:", "AWS"), ("secretsmanager:", "AWS"), ("resolve:", "AWS"),
    ("projects/", "Google Secret Manager"), ("gcp:", "Google Secret Manager"),
    ("gsm:", "Google Secret Manager"), ("gcpsm:", "Google Secret Manager"),
    ("sm:", "Google Secret Manager"), ("gcp-secret-manager:", "Google Secret Manager"),
    ("@microsoft.keyvault", "Azure Key Vault"), ("keyvault:", "Azure Key Vault"),
    ("azurekeyvault:", "Azure Key Vault"), ("akv:", "Azure Key Vault"),
    ("azure:", "Azure Key Vault"),
    ("doppler:", "Doppler"), ("infisical:", "Infisical"), ("akeyless:", "Akeyless"),
    ("bws:", "Bitwarden"), ("bw:", "Bitwarden"), ("bitwarden:", "Bitwarden"),
    ("lastpass:", "LastPass"), ("lpass:", "LastPass"), ("dashlane:", "Dashlane"),
    ("dl:", "Dashlane"), ("keepass:", "KeePass"), ("passbolt:", "Passbolt"), ("pass:", "pass"),
    ("gopass:", "pass"), ("conjur:", "Conjur"), ("!var", "Conjur"),
    ("keychain:", "a key ring"), ("keyring:", "a key ring"), ("k8s:", "Kubernetes"),
    ("secretkeyref", "Kubernetes"), ("valuefrom", "Kubernetes"),
    ("secretref:", "another store"), ("secret:", "another store"), ("secrets:", "another store"),
    ("secrets.", "another store"), ("docker-secret:", "another store"),
    ("!", "another store"), ("@", "a file"), ("file:", "a file"), ("path:", "a file"),
    ("exec:", "a command"), ("cmd:", "a command"), ("command:", "a command"),
    ("shell:", "a command"), ("sh:", "a command"), ("`", "a command"),
    ("os.environ", "another variable"), ("os.getenv", "another variable"),
    ("process.env", "another variable"), ("import.meta.env", "another variable"),
    ("env.", "another variable"), ("env:", "another variable"), ("env(", "another variable"),
    ("getenv(", "another variable"), ("$env:", "another variable"), ("#{", "another variable"),
    ("<%", "another variable"), ("var.", "another variable"),
  ]

  /// `$NAME`, `%NAME%`, or text that ends with `$NAME_OF_SEVERAL_WORDS`. A dollar sign alone is
  /// none: keys may have one.
  private static func isVariable(_ bytes: [UInt8]) -> Bool {
    let percent = UInt8(ascii: "%")
    if bytes.count > 2, bytes.first == percent, bytes.last == percent {
      return isName(bytes.dropFirst().dropLast())
    }
    guard let dollar = bytes.lastIndex(of: UInt8(ascii: "$")) else { return false }
    let name = bytes[(dollar + 1)...]
    guard dollar > 0 else { return isName(name) }
    return isName(name) && name.contains(UInt8(ascii: "_"))
      && name.allSatisfy { !$0.isASCIILower }
  }

  private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, first.isASCIILetter || first == UInt8(ascii: "_") else {
      return false
    }
    return bytes.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "_") }
  }

  /// `/run/secrets/x`, `~/x`, `./x`, `C:\x`. Base64 may begin with one slash and has other letters.
  private static func isPath(_ bytes: [UInt8]) -> Bool {
    let slash = UInt8(ascii: "/")
    for beginning in ["~/", "./", "../", "\\\\"] where bytes.starts(with: beginning.utf8) {
      return true
    }
    if bytes.first == slash {
      return bytes.dropFirst().contains(slash) && !bytes.contains { "+=".utf8.contains($0) }
    }
    return bytes.count > 2 && bytes[0].isASCIILetter && bytes[1] == UInt8(ascii: ":")
      && (bytes[2] == UInt8(ascii: "\\") || bytes[2] == slash)
  }

  private static func contains(_ bytes: [UInt8], _ part: String) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: part.utf8) }
  }
}
