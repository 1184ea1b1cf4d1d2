import ServiceRuntime

@main
enum Main {
  static func main() async {
    await ServiceChassis.main(GatewayConfiguration.self) { configuration, chassis in
      try await GatewayServices.assemble(configuration, chassis)
    }
  }
}
