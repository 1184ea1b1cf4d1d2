import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(
      AuthConfiguration.self, schema: AuthSchema.schema, assemble: AuthServer.assemble)
  }
}
