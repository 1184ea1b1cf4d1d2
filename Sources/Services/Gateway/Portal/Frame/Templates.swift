/// The compiled-in templates, by the names that pages and other templates call them.
///
/// A page is one of them; so is each part that several pages have (`{{>field}}`, `{{>state}}`).
extension PageRenderer {
  static let templates: [(String, [UInt8])] = [
    ("access-token-created", PackageResources.access_token_created_mustache),
    ("access-token-revoke", PackageResources.access_token_revoke_mustache),
    ("access-tokens", PackageResources.access_tokens_mustache),
    ("act", PackageResources.act_mustache),
    ("audit", PackageResources.audit_mustache),
    ("chart", PackageResources.chart_mustache),
    ("chips", PackageResources.chips_mustache),
    ("choice", PackageResources.choice_mustache),
    ("components", PackageResources.components_mustache),
    ("csrf", PackageResources.csrf_mustache),
    ("empty", PackageResources.empty_mustache),
    ("failure", PackageResources.failure_mustache),
    ("field", PackageResources.field_mustache),
    ("landing", PackageResources.landing_mustache),
    ("layout", PackageResources.layout_mustache),
    ("log-in", PackageResources.log_in_mustache),
    ("log-out", PackageResources.log_out_mustache),
    ("mistakes", PackageResources.mistakes_mustache),
    ("notice", PackageResources.notice_mustache),
    ("pager", PackageResources.pager_mustache),
    ("provider-delete", PackageResources.provider_delete_mustache),
    ("provider-edit", PackageResources.provider_edit_mustache),
    ("provider-new", PackageResources.provider_new_mustache),
    ("providers", PackageResources.providers_mustache),
    ("row-menu", PackageResources.row_menu_mustache),
    ("settings", PackageResources.settings_mustache),
    ("sign-up", PackageResources.sign_up_mustache),
    ("snippets", PackageResources.snippets_mustache),
    ("state", PackageResources.state_mustache),
    ("status", PackageResources.status_mustache),
    ("tiles", PackageResources.tiles_mustache),
    ("time", PackageResources.time_mustache),
  ]
}
