import Cryptography
import Testing

@testable import Providers

@Suite struct KeyShapeTests {
  @Test(arguments: [
    "user_provided", "sk-ant-xxxx", "sk-xxxx", "gsk_abcxyz", "change_me", "REPLACE_ME",
    "insert-key-here",
    "***********", "xxx", "{{JINA_API_KEY}}", "hf_xxxxxx", "sk-1234", "<your key>", "<key>",
    "your-openai-key-here", "your_api_key", "YOUR_API_KEY", "YourApiKeyHere", "youropenaiapikey",
    "sk-...", "sk-…", "sk-proj-…abcd", "sk-****abcd", "changeme", "changeit", "sk-xxxxxxxxxxxxxxxx",
    "sk-your-key", "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "sk-or-v1-your-key-here",
    "sk-abc123", "sk-test", "test", "test-key", "placeholder", "ToDo", "tbd", "TBA", "fixme",
    "[your key]", "(optional)", "__OPENAI_API_KEY__", "sk-00000000000000000000000000000000",
    "enter-your-api-key", "add_your_key_here", "put-your-key-here", "paste your key here",
    "api-key", "api_key", "apikey", "secret", "token", "password", "foo", "foobar", "undefined",
    "sk-", "sk-ant-", "OPENAI_API_KEY", "openai", "my-secret-key", "<insert your key>",
    "get-your-key-from-the-dashboard", "redacted", "[REDACTED]", "hidden", "1234567890", "qwerty",
    "------", "???", "AIzaXXXXXXXXXXX", "sk-ant-api03-xxxx", "sk-fake-key", "not-a-key",
  ])
  func whatStandsInPlaceOfAKeyIsSeen(_ text: String) throws {
    #expect(try isPlaceholder(text))
  }

  @Test(arguments: [
    ("example-mistral-ai-api-key", "mistral"), ("my-perplexity-key", "perplexity"),
    ("my-together-ai-key", "together"), ("AIzaXXXX", "google"), ("AIza-your-key", "google"),
    ("your-claude-key", "anthropic"), ("gsk_abcxyz", "groq"), ("hf_xxxx", "huggingface"),
  ])
  func aProvidersOwnNamesArePartOfAPlaceholder(_ row: (text: String, id: String)) throws {
    #expect(try isPlaceholder(row.text, row.id))
  }

  @Test(arguments: ["dummy", "none", "EMPTY", "not-needed", "sk-no-key-required", "ollama", "null"])
  func whatPeopleWriteWhereNoKeyIsWantedIsSeen(_ text: String) throws {
    #expect(try shape(text) == .noKeyNeeded)
  }

  @Test(arguments: [
    "sk-proj-Your7xxxQ", "yourself-0123", "sk-ant-relay-0000000000000001", "jina_0a1b2c$3d4e5f6g7h",
    "AIzaRelay000000000000000000000000000002", "sk-internal-gateway-0001", "ollama-local-0001",
    "0123456789#0123456789", "0123456789abcdef0123456789abcdef", "sk-readme-0123456789abcdef",
    "sk-ant-0000000000000000000002", "sk-import-openai-0123456789", "pa$$word-7Q2", "aK9d$EFGH1234",
    "hf_QwErTyUiOpAsDfGh", "id7k2:Zq45x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-",
    "3f2a==", "/3Zk2+b0Qm/1x9=", "5b0e7c.Kx93jd02kd",
  ])
  func whatMayBeAKeyIsOne(_ text: String) throws {
    #expect(try shape(text) == .key)
  }

  @Test(arguments: [
    ("op://Private/openai/credential", "1Password"), ("encrypted:BHyLV2zLhmFa0oEU", "dotenvx"),
    ("ENC[AES256_GCM,data:p673w==,type:str]", "SOPS"),
    ("$GROQ_KEY_OF_THE_TEAM", "another variable"),
    ("$key", "another variable"), ("${KEY}", "another variable"),
    ("$(cat key)", "another variable"),
    ("%DEEPSEEK_KEY%", "another variable"), ("sk-$OPENAI_KEY", "another variable"),
    ("vault:secret/data/ai#xai", "Vault"), ("vault://secret/ai", "Vault"),
    ("hashivault://secret/ai", "an address"), ("awssm://x", "AWS"), ("awsps://x", "an address"),
    ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:pplx-AbCdEf", "AWS"),
    ("arn:aws:ssm:eu-central-1:123456789012:parameter/x", "AWS"), ("ssm:/ai/key", "AWS"),
    ("projects/my-project/secrets/together/versions/latest", "Google Secret Manager"),
    ("gcpsm://p/s", "Google Secret Manager"), ("sm://together", "Google Secret Manager"),
    ("azurekeyvault://v/s", "Azure Key Vault"),
    ("@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/x)", "Azure Key Vault"),
    ("file:///run/secrets/gemini", "a file"), ("file:/run/x", "a file"),
    ("@/run/secrets/x", "a file"),
    ("/run/secrets/fireworks", "a file"), ("~/keys/openai", "a file"), ("./key.txt", "a file"),
    ("../key.txt", "a file"), ("C:\\keys\\openai.txt", "a file"),
    ("!secret openai", "another store"),
    ("!vault |", "another store"), ("ref+vault://secret/ai#key", "another store"),
    ("secretref:openai", "another store"), ("secrets.OPENAI_API_KEY", "another store"),
    ("os.environ/OPENAI_API_KEY", "another variable"), ("process.env.KEY", "another variable"),
    ("env:OPENAI_API_KEY", "another variable"), ("env(KEY)", "another variable"),
    ("$env:OPENAI_API_KEY", "another variable"), ("#{OPENAI_API_KEY}", "another variable"),
    ("prefix-{{ KEY }}-x", "another variable"), ("keyring:ai:openai", "a key ring"),
    ("keychain:openai", "a key ring"), ("bws://0123", "Bitwarden"), ("doppler://p/c/K", "Doppler"),
    ("infisical://p/K", "Infisical"), ("https://keys.example/openai", "an address"),
    ("$ANSIBLE_VAULT;1.1;AES256", "Ansible Vault"), ("{cipher}0a1b2c", "an encrypted value"),
    ("ENC(0a1b2c)", "an encrypted value"), ("-----BEGIN PGP MESSAGE-----", "an encrypted value"),
    ("exec:pass show openai", "a command"), ("keepass:ai/openai", "KeePass"),
    ("dl://openai/key", "Dashlane"), ("sops:key", "SOPS"), ("akv:openai", "Azure Key Vault"),
  ])
  func whereAKeyIsKeptIsNoKey(_ row: (text: String, place: String)) throws {
    #expect(try shape(row.text) == .reference(to: row.place))
  }

  @Test(arguments: ["#your_key_here", "####################", "#optional", "#", "# sk-proj-0a1b"])
  func aCommentIsNoKey(_ text: String) throws {
    #expect(try shape(text) == .comment)
  }

  @Test(arguments: [
    "sk-0a1b 2c3d4e", "Bearer sk-0a1b2c3d", "“sk-0a1b2c3d4e”", "sk-0a1b\u{a0}2c3d", "sk-ключ-0a1b",
  ])
  func whatNoHeaderCarriesIsNoKey(_ text: String) throws {
    #expect(try shape(text) == .notOneWord)
  }

  private func isPlaceholder(_ text: String, _ id: String = "openai") throws -> Bool {
    guard case .placeholder = try shape(text, id) else { return false }
    return true
  }

  private func shape(_ text: String, _ id: String = "openai") throws -> KeyShape {
    let provider = try #require(ProviderCatalogue.standard.provider(id: id))
    let variable = id == "anthropic" ? "CLAUDE_API_KEY" : provider.keyVariables.first ?? ""
    return KeyShape(of: SecretBytes(utf8: text), for: provider, variable: variable)
  }
}
