"""What a message is: bytes read and bytes made. Knows no policy, no store, no net and no clock."""
