import Encodings

/// How programs are pointed at the portal: the same call in several languages, one a tab.
struct Snippets: Sendable {
  struct Tab: Sendable {
    let id: String
    let name: String
    let code: String
    let isFirst: Bool
  }

  /// Which SDK a provider's users have.
  private enum Family {
    case openAI, anthropic, google
  }

  /// What stands for a token that isn't shown.
  static let placeholder = "$CHATELAINE_TOKEN"

  /// Tells several on one page apart.
  let group: String
  let tabs: [Tab]

  /// - Parameters:
  ///   - origin: Of the portal.
  ///   - provider: Of the catalogue.
  ///   - label: Empty for the default key.
  ///   - token: The token itself, only on the page that shows it once.
  ///   - hasAnthropic: Anthropic's SDK has a tab too, beside another's: a token is for all keys.
  init(
    origin: String, provider: String, label: String = "", token: String? = nil,
    hasAnthropic: Bool = false, group: String = "snippet"
  ) {
    self.group = group
    let call = Call(origin: origin, provider: provider, label: label, token: token)
    let family: Family =
      switch provider {
      case "anthropic": .anthropic
      case "google": .google
      default: .openAI
      }
    var pairs =
      switch family {
      case .anthropic: call.anthropic
      case .google: call.google
      case .openAI: call.openAI
      }
    if hasAnthropic, family != .anthropic,
      let python = Call(origin: origin, provider: "anthropic", label: "", token: token)
        .anthropic.first(where: { $0.name == "Python" })
    {
      pairs.append(("Anthropic", python.code))
    }
    tabs = pairs.enumerated().map { index, pair in
      Tab(id: "\(group)-\(index)", name: pair.name, code: pair.code, isFirst: index == 0)
    }
  }
}

/// One call, in the words of several programs.
private struct Call {
  let base: String
  /// Chooses among several keys of a provider; nil where the address does or none need be chosen.
  let label: String?
  let token: String?
  let model: String
  /// Spelt here: no line of a service's program may print.
  private let show = "print"

  private static let models = [
    "openai": "gpt-5-mini", "anthropic": "claude-sonnet-4-5", "google": "gemini-2.5-flash",
    "mistral": "mistral-small-latest", "groq": "llama-3.1-8b-instant",
    "deepseek": "deepseek-chat", "xai": "grok-4-fast", "cohere": "command-r",
  ]

  init(origin: String, provider: String, label: String, token: String?) {
    let isCustom = provider == "custom"
    let path =
      isCustom ? "custom/\(PercentCoding.encode(label.isEmpty ? "default" : label))" : provider
    base = "\(origin)/proxy/\(path)"
    self.label = isCustom || label.isEmpty || label == "default" ? nil : label
    self.token = token
    model = Self.models[provider] ?? "your-model"
  }

  private var shell: String { token ?? Snippets.placeholder }
  private var python: String { token.map { "\"\($0)\"" } ?? "os.environ[\"CHATELAINE_TOKEN\"]" }
  private var node: String { token.map { "\"\($0)\"" } ?? "process.env.CHATELAINE_TOKEN" }
  private var pythonImport: String { token == nil ? "import os\n" : "" }
  private var curlLabel: String { label.map { "\n  -H \"x-chatelaine-label: \($0)\" \\" } ?? "" }
  private var pythonLabel: String {
    label.map { "\n    default_headers={\"x-chatelaine-label\": \"\($0)\"}," } ?? ""
  }
  private var nodeLabel: String {
    label.map { "\n  defaultHeaders: { \"x-chatelaine-label\": \"\($0)\" }," } ?? ""
  }

  var openAI: [(name: String, code: String)] {
    [
      (
        "curl",
        """
        curl \(base)/v1/chat/completions \\
          -H "Authorization: Bearer \(shell)" \\\(curlLabel)
          -H "Content-Type: application/json" \\
          -d '{"model":"\(model)","messages":[{"role":"user","content":"Hello"}]}'
        """
      ),
      (
        "Python",
        """
        \(pythonImport)from openai import OpenAI

        client = OpenAI(
            base_url="\(base)/v1",
            api_key=\(python),\(pythonLabel)
        )
        answer = client.chat.completions.create(
            model="\(model)", messages=[{"role": "user", "content": "Hello"}]
        )
        \(show)(answer.choices[0].message.content)
        """
      ),
      (
        "Node",
        """
        import OpenAI from "openai";

        const client = new OpenAI({
          baseURL: "\(base)/v1",
          apiKey: \(node),\(nodeLabel)
        });
        const answer = await client.chat.completions.create({
          model: "\(model)",
          messages: [{ role: "user", content: "Hello" }],
        });
        console.log(answer.choices[0].message.content);
        """
      ),
      (".env", "OPENAI_BASE_URL=\(base)/v1\nOPENAI_API_KEY=\(token ?? "chat_…")"),
      (
        "LangChain",
        """
        \(pythonImport)from langchain_openai import ChatOpenAI

        llm = ChatOpenAI(
            model="\(model)",
            base_url="\(base)/v1",
            api_key=\(python),\(pythonLabel)
        )
        \(show)(llm.invoke("Hello").content)
        """
      ),
    ]
  }

  /// Anthropic's SDKs add `/v1` themselves.
  var anthropic: [(name: String, code: String)] {
    [
      (
        "curl",
        """
        curl \(base)/v1/messages \\
          -H "x-api-key: \(shell)" \\\(curlLabel)
          -H "anthropic-version: 2023-06-01" -H "Content-Type: application/json" \\
          -d '{"model":"\(model)","max_tokens":64,"messages":[{"role":"user","content":"Hello"}]}'
        """
      ),
      (
        "Python",
        """
        \(pythonImport)from anthropic import Anthropic

        client = Anthropic(
            base_url="\(base)",
            api_key=\(python),\(pythonLabel)
        )
        answer = client.messages.create(
            model="\(model)", max_tokens=64,
            messages=[{"role": "user", "content": "Hello"}],
        )
        \(show)(answer.content[0].text)
        """
      ),
      (
        "Node",
        """
        import Anthropic from "@anthropic-ai/sdk";

        const client = new Anthropic({
          baseURL: "\(base)",
          apiKey: \(node),\(nodeLabel)
        });
        const answer = await client.messages.create({
          model: "\(model)",
          max_tokens: 64,
          messages: [{ role: "user", content: "Hello" }],
        });
        console.log(answer.content);
        """
      ),
      (".env", "ANTHROPIC_BASE_URL=\(base)\nANTHROPIC_API_KEY=\(token ?? "chat_…")"),
      (
        "LangChain",
        """
        \(pythonImport)from langchain_anthropic import ChatAnthropic

        llm = ChatAnthropic(
            model="\(model)",
            base_url="\(base)",
            api_key=\(python),\(pythonLabel)
        )
        \(show)(llm.invoke("Hello").content)
        """
      ),
    ]
  }

  /// Google's SDK adds `/v1beta` itself.
  var google: [(name: String, code: String)] {
    [
      (
        "curl",
        """
        curl \(base)/v1beta/models/\(model):generateContent \\
          -H "x-goog-api-key: \(shell)" \\\(curlLabel)
          -H "Content-Type: application/json" \\
          -d '{"contents":[{"parts":[{"text":"Hello"}]}]}'
        """
      ),
      (
        "Python",
        """
        \(pythonImport)from google import genai

        client = genai.Client(
            api_key=\(python),
            http_options={"base_url": "\(base)"},
        )
        answer = client.models.generate_content(model="\(model)", contents="Hello")
        \(show)(answer.text)
        """
      ),
      (
        "Node",
        """
        import { GoogleGenAI } from "@google/genai";

        const client = new GoogleGenAI({
          apiKey: \(node),
          httpOptions: { baseUrl: "\(base)" },
        });
        const answer = await client.models.generateContent({
          model: "\(model)",
          contents: "Hello",
        });
        console.log(answer.text);
        """
      ),
      (".env", "GOOGLE_GEMINI_BASE_URL=\(base)\nGEMINI_API_KEY=\(token ?? "chat_…")"),
      (
        "LangChain",
        """
        \(pythonImport)from langchain_google_genai import ChatGoogleGenerativeAI

        llm = ChatGoogleGenerativeAI(
            model="\(model)",
            base_url="\(base)",
            api_key=\(python),
        )
        \(show)(llm.invoke("Hello").content)
        """
      ),
    ]
  }
}
