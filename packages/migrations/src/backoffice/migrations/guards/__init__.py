"""What guards a history in CI: that it is whole, that each revision works both ways, that it makes
what the models say."""
