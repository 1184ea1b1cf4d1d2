import Encodings

/// What a list shows below itself: where in the whole one is, and the way on.
struct Pager: Sendable {
  /// For whoever hears the page; more than one list of a page needs more than one name.
  let name: String
  /// E.g. `1–25 of 131`.
  let text: String
  let first: String?
  let newer: String?
  let older: String?
  /// Without a text and a way on there is nothing to draw.
  let isNeeded: Bool

  /// A list whose length is known; `page` counts from 1.
  ///
  /// - Parameter address: The list's address with a query, without the page.
  init(
    page: Int, rowsPerPage: Int, count: Int, name: String = "Pages",
    address: (_ page: Int) -> String
  ) {
    self.name = name
    let begin = (page - 1) * rowsPerPage
    let end = min(begin + rowsPerPage, count)
    text =
      count == 0
      ? ""
      : "\(DayChart.grouped(begin + 1))–\(DayChart.grouped(end)) of "
        + DayChart.grouped(count)
    first = page > 2 ? address(1) : nil
    newer = page > 1 ? address(page - 1) : nil
    older = end < count ? address(page + 1) : nil
    isNeeded = count > 0
  }

  /// A list of which only the next page is known.
  init(text: String, first: String?, older: String?) {
    name = "Pages"
    (self.text, self.first, newer, self.older) = (text, first, nil, older)
    isNeeded = !text.isEmpty || first != nil || older != nil
  }
}

/// One head of a list that can be sorted by it.
struct SortHead: Sendable {
  let text: String
  let href: String
  /// For `aria-sort`; nil where the list is not sorted by it.
  let order: String?

  /// - Parameters:
  ///   - key: What the query's `sort` says for it; with `-` in front the other way round.
  ///   - current: What it says now.
  init(_ text: String, key: String, current: String, address: (_ sort: String) -> String) {
    self.text = text
    let isAscending = current == key
    order = isAscending ? "ascending" : current == "-\(key)" ? "descending" : nil
    href = address(isAscending ? "-\(key)" : key)
  }
}

/// What can be done with one row, behind its `⋯`.
struct RowMenu: Sendable {
  struct Item: Sendable {
    let text: String
    let href: String
    /// Sent as a form; else a link.
    let isForm: Bool
    let isDangerous: Bool
  }

  /// Of the element, unique in its page.
  let id: String
  /// E.g. `Actions for OpenAI, default`.
  let name: String
  let items: [Item]

  init(id: String, name: String, _ items: [Item]) {
    (self.id, self.name, self.items) = (id, name, items)
  }
}

extension RowMenu.Item {
  static func link(_ text: String, _ href: String, isDangerous: Bool = false) -> Self {
    Self(text: text, href: href, isForm: false, isDangerous: isDangerous)
  }

  /// Sent by the page's one form of acts (`{{>act}}`), so that its token stands there once.
  static func act(_ text: String, _ href: String) -> Self {
    Self(text: text, href: href, isForm: true, isDangerous: false)
  }
}

/// A number with what it means.
struct Tile: Sendable {
  let name: String
  let value: String
  /// Beneath it, in words.
  let note: String

  init(_ name: String, _ value: String, note: String = "") {
    (self.name, self.value, self.note) = (name, value, note)
  }
}

/// What a list shows that has nothing in it: what it is for, and the one thing to do.
struct EmptyState: Sendable {
  let icon: String
  let heading: String
  let text: String
  let action: String?
  let href: String?
  let isPrimary: Bool

  init(
    _ icon: Icon, _ heading: String, _ text: String, action: String? = nil, href: String? = nil,
    isPrimary: Bool = true
  ) {
    self.icon = icon.svg
    (self.heading, self.text) = (heading, text)
    (self.action, self.href, self.isPrimary) = (action, href, isPrimary)
  }
}

/// A filter that is on, and the address without it.
struct FilterChip: Sendable {
  let text: String
  let href: String
}
